"""The stage demo: make the embedded corpus on the spot, if `corpus.source` is demo.

In: photographs and a speech synthesiser that installed packages carry.
Out: results/demo, a corpus in folders like any other, and the truth behind it.
Read by: corpus, which cannot tell the difference. Page: docs/demo.md.
"""

if CONFIG.corpus.source == "demo":

    rule make_demo_corpus:
        """Make the embedded corpus: real faces that move, synthesised voices, and labels that drive both."""
        input:
            code=code("demo/make_demo_corpus"),
        output:
            files=DEMO.files(CONFIG.corpus),
            truth=DEMO.truth_files(Path("results/demo/truth")),
        log:
            "logs/make_demo_corpus.log",
        benchmark:
            "results/benchmarks/make_demo_corpus.tsv"
        conda:
            "../../envs/main.yaml"
        threads: 2
        resources:
            mem_mb=memory_mb(2000),
            runtime=minutes(30),
        params:
            modules=modules("demo/make_demo_corpus"),
            demo=section("demo"),
            corpus=untracked("corpus"),
        shell:
            "python {input.code:q}"
            " --demo {params.demo:q}"
            " --corpus {params.corpus:q}"
            " --threads {threads}"
            " --truth results/demo/truth"
            " > {log:q} 2>&1"
