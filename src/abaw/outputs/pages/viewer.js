"use strict";
/* The page of one video: boxes over the picture, curves beneath it, all at the time of the video. Bokeh draws the curves.
   What the page knows is in two elements: `meta` (JSON) and `data` (columns of numbers; abaw.outputs.columns says how). */
(async () => {
  const el = (id) => document.getElementById(id);
  const meta = JSON.parse(el("meta").textContent);
  const video = el("video"), stage = el("stage"), boxes = el("boxes"), cursor = el("cursor");
  const TITLES = ["valence", "arousal"].map((name) => name + (meta.is_proxy ? " (proxy)" : ""));
  const BAR_NAMES = ["expression", "speaks", "face seen"];
  const UNKNOWN = -32768, SCALE = 32767, PX_PER_BIN = 2;
  const state = { now: 0, person: 0, offset: 0, plays: true, views: [], seen: 0 };

  // --- data ---------------------------------------------------------------------------------------------------------
  async function unpack(text) {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).arrayBuffer();
  }

  /** Columns of an array of `Kind` from its differences; a sum that is too large begins again, as its difference did. */
  function summed(array) {
    for (let k = 1; k < array.length; k++) array[k] += array[k - 1];
    return array;
  }

  function columns(buffer) {
    const n = meta.n_frames, time = new Float64Array(n);
    let place = 0;
    const take = (Kind) => {
      const found = new Kind(buffer, place, n);
      place += n * Kind.BYTES_PER_ELEMENT;
      return summed(found);
    };
    take(Uint32Array).forEach((microseconds, k) => { time[k] = microseconds / 1e6; });
    const wide = (count) => Array.from({ length: count }, () => take(Int16Array));
    const people = meta.subjects.map(() => ({ values: wide(2), chances: wide(meta.classes.length), box: wide(4) }));
    for (const person of people) person.bars = [take(Int8Array), take(Int8Array), take(Int8Array)];
    return { time, people };
  }

  const { time, people } = columns(await unpack(el("data").textContent));
  const end = meta.end_s || 1;

  /** The number of the last frame that begins at `t` or before. */
  function frameAt(t) {
    let low = 0, high = time.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (time[middle] <= t + 1e-4) low = middle + 1; else high = middle;
    }
    return Math.max(0, low - 1);
  }

  // --- curves -------------------------------------------------------------------------------------------------------
  /** At most two frames a bin, the lowest and the highest of each, so that no peak is lost; NaN where nothing is known. */
  function thinned(column, first, last, bins) {
    const x = [], y = [], add = (k) => { x.push(time[k]); y.push(column[k] === UNKNOWN ? NaN : column[k] / SCALE); };
    if (last - first <= 2 * bins) {
      for (let k = first; k < last; k++) add(k);
      return { x, y };
    }
    for (let bin = 0; bin < bins; bin++) {
      const from = first + Math.floor((last - first) * bin / bins), to = first + Math.floor((last - first) * (bin + 1) / bins);
      let low = -1, high = -1;
      for (let k = from; k < to; k++) {
        if (column[k] === UNKNOWN) continue;
        if (low < 0 || column[k] < column[low]) low = k;
        if (high < 0 || column[k] > column[high]) high = k;
      }
      if (low < 0) add(from);
      else if (low === high) add(low);
      else { add(Math.min(low, high)); add(Math.max(low, high)); }
    }
    return { x, y };
  }

  /** Stretches of one value as bars; where a bin holds many frames, that which most of those that have one have. */
  function stretches(column, first, last, bins) {
    const edges = Math.min(bins, last - first), counts = new Int32Array(meta.classes.length), found = [];
    for (let bin = 0; bin < edges; bin++) {
      const from = first + Math.floor((last - first) * bin / edges), to = first + Math.floor((last - first) * (bin + 1) / edges);
      let value = column[from];
      if (to > from + 1) {
        counts.fill(0);
        for (let k = from; k < to; k++) if (column[k] >= 0) counts[column[k]]++;
        const most = Math.max(...counts);
        value = most ? counts.indexOf(most) : -1;
      }
      const left = time[from], right = to < time.length ? time[to] : end, before = found[found.length - 1];
      if (value >= 0 && before && before.value === value && before.right === left) before.right = right;
      else if (value >= 0) found.push({ left, right, value });
    }
    return found;
  }

  function drawCurves() {
    const [low, high] = [range.start, range.end];
    const first = Math.max(0, frameAt(low) - 1), last = Math.min(time.length, frameAt(high) + 2);
    const bins = Math.max(50, Math.round(el("plots").clientWidth / PX_PER_BIN)), person = people[state.person];
    if (!person) return;
    const is_dense = last - first > 2 * bins;  // hair lines are drawn far faster, and such curves are as wide as a pixel anyway
    for (const { glyph } of [...values.renderers, ...lines]) glyph.line_width = is_dense ? 1 : 1.5;
    sources.values.forEach((source, k) => { source.data = thinned(person.values[k], first, last, bins); });
    sources.chances.forEach((source, k) => { source.data = thinned(person.chances[k], first, last, bins); });
    const bars = { left: [], right: [], bottom: [], top: [], color: [] };
    person.bars.forEach((column, row) => {
      for (const { left, right, value } of stretches(column, first, last, bins)) {
        bars.left.push(left); bars.right.push(right);
        bars.bottom.push(2.1 - row); bars.top.push(2.9 - row);
        bars.color.push(row === 0 ? meta.colors[value] : row === 1 ? "#2a9d5c" : "#9aa5b1");
      }
    });
    sources.bars.data = bars;
  }

  const range = new Bokeh.Range1d({ start: 0, end, bounds: [0, end], min_interval: Math.min(0.2, end) });
  const empty = () => new Bokeh.ColumnDataSource({ data: { x: [], y: [] } });
  const sources = {
    values: TITLES.map(empty), chances: meta.classes.map(empty),
    bars: new Bokeh.ColumnDataSource({ data: { left: [], right: [], bottom: [], top: [], color: [] } }),
  };

  function figure(height, y_range, label) {
    const made = Bokeh.Plotting.figure({
      height, x_range: range, y_range, sizing_mode: "stretch_width", toolbar_location: null,
      tools: [new Bokeh.PanTool({ dimensions: "width" }), new Bokeh.WheelZoomTool({ dimensions: "width" }), new Bokeh.TapTool()],
      active_scroll: "auto", y_axis_label: label, min_border_left: 76, min_border_right: 14, min_border_top: 8, output_backend: "canvas",
    });
    made.toolbar.active_scroll = made.toolbar.tools[1];
    made.yaxis.each((axis) => { axis.fixed_location = null; });
    made.on_event("tap", (event) => seek(event.x));
    made.on_event("doubletap", () => { range.setv({ start: 0, end }); });
    return made;
  }

  const values = figure(130, [-1, 1], "value");
  sources.values.forEach((source, k) => {
    values.line({ field: "x" }, { field: "y" }, { source, line_color: meta.value_colors[k] });
  });
  const chances = figure(130, [0, 1], "probability");
  const lines = sources.chances.map((source, k) =>
    chances.line({ field: "x" }, { field: "y" }, { source, line_color: meta.colors[k] }));
  const bars = figure(110, [0, 3], "");
  bars.quad({ field: "left" }, { field: "right" }, { field: "bottom" }, { field: "top" },
    { source: sources.bars, fill_color: { field: "color" }, line_color: null });
  bars.yaxis.each((axis) => {
    axis.ticker = new Bokeh.FixedTicker({ ticks: [0.5, 1.5, 2.5] });
    axis.major_label_overrides = new Map(BAR_NAMES.map((name, row) => [2.5 - row, name]));
  });
  bars.xaxis.each((axis) => { axis.axis_label = "seconds"; });
  bars.ygrid.each((grid) => { grid.visible = false; });

  for (const upper of [values, chances]) upper.xaxis.each((axis) => { axis.major_label_text_font_size = "0px"; });

  // --- the video and its time ---------------------------------------------------------------------------------------
  /** Go to the frame at `t`: into its middle, so that the player's rounding does not show the one before. */
  function seek(t) {
    if (!(t >= 0)) return;
    const k = frameAt(Math.min(t, end)), is_known = time.length > 0 && t >= time[0];
    const begin = is_known ? time[k] : t, next = !is_known ? t : k + 1 < time.length ? time[k + 1] : end;
    if (state.plays) video.currentTime = begin + state.offset + (next - begin) / 2;
    show(begin);
  }

  function show(t) {
    state.now = t;
    if (video && !video.paused && (t > range.end || t < range.start)) {
      const width = range.end - range.start, start = Math.max(0, Math.min(t, end - width));
      range.setv({ start, end: start + width });
    }
    placeCursor();
    drawBoxes();
    readOut();
  }

  function placeCursor() {
    const frame = state.views[0] && state.views[0].frame;
    if (!frame) return;
    const x = frame.bbox.left + (state.now - range.start) / (range.end - range.start) * frame.bbox.width;
    cursor.hidden = state.now < range.start || state.now > range.end;
    cursor.style.transform = `translateX(${x}px)`;
  }

  const signed = (number) => (number === UNKNOWN ? "?" : (number < 0 ? "\u2212" : "+") + Math.abs(number / SCALE).toFixed(2));

  function labelOf(person, k) {
    const place = person.bars[0][k];
    return place < 0 ? "" : meta.classes[place];
  }

  function readOut() {
    const person = people[state.person], k = frameAt(state.now);
    if (time.length && state.now < time[0] - 1e-4) { el("readout").textContent = "This part was not analysed."; return; }
    if (!person || !time.length) { el("readout").textContent = "Nobody was found in this video."; return; }
    const place = person.bars[0][k], chance = place < 0 ? UNKNOWN : person.chances[place][k];
    el("readout").textContent = [
      `frame ${k + meta.first_frame}`, `${time[k].toFixed(3)} s`,
      ...TITLES.map((title, row) => `${title} ${signed(person.values[row][k])}`),
      labelOf(person, k) + (chance === UNKNOWN ? "" : ` ${(chance / SCALE).toFixed(2)}`),
      person.bars[1][k] >= 0 ? "speaks" : "", person.bars[2][k] >= 0 ? "" : "not seen",
    ].filter(Boolean).join("  \u00b7  ");
  }

  /** Where the picture lies in the stage, in CSS pixels: as large as fits, in the middle, in the player's own shape. */
  function pictureRect() {
    const width = video.videoWidth || meta.width_px, height = video.videoHeight || meta.height_px;
    const scale = Math.min(stage.clientWidth / width, stage.clientHeight / height);
    return { x: (stage.clientWidth - width * scale) / 2, y: (stage.clientHeight - height * scale) / 2, width: width * scale, height: height * scale };
  }

  function drawBoxes() {
    const ratio = window.devicePixelRatio || 1, width = Math.round(stage.clientWidth * ratio), height = Math.round(stage.clientHeight * ratio);
    if (boxes.width !== width || boxes.height !== height) { boxes.width = width; boxes.height = height; }
    const pen = boxes.getContext("2d"), rect = pictureRect(), k = frameAt(state.now);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, stage.clientWidth, stage.clientHeight);
    const sx = rect.width / meta.width_px, sy = rect.height / meta.height_px;
    pen.font = "600 13px system-ui, sans-serif";
    state.drawn = [];
    people.forEach((person, number) => {
      if (!time.length || state.now < time[0] - 1e-4 || person.bars[2][k] < 0 || person.box[0][k] === UNKNOWN) return;
      const [x0, y0, x1, y1] = person.box.map((column) => column[k]);
      const x = rect.x + x0 * sx, y = rect.y + y0 * sy, wide = (x1 - x0) * sx, high = (y1 - y0) * sy;
      const place = person.bars[0][k], color = place < 0 ? "#fff" : meta.colors[place];
      pen.lineWidth = number === state.person ? 3 : 1.5;
      pen.strokeStyle = color;
      pen.strokeRect(x, y, wide, high);
      const text = `${meta.subjects[number]} ${labelOf(person, k)}`.trim(), long = pen.measureText(text).width + 10;
      const top = y - 20 < rect.y ? y : y - 20;
      pen.fillStyle = color;
      pen.fillRect(x - pen.lineWidth / 2, top, long, 20);
      pen.fillStyle = place < 0 ? "#000" : meta.inks[place];
      pen.fillText(text, x + 4, top + 14.5);
      state.drawn.push({ subject: meta.subjects[number], x, y, width: wide, height: high });
    });
  }

  function say(text) {
    state.plays = false;
    stage.hidden = true;
    el("said").hidden = false;
    el("said").textContent = text;
  }

  function cannotPlay() {
    if (!state.plays) return;
    // a browser does not say which of the two it is
    say(`This browser cannot play ${meta.name}, or it is not at ${meta.place} any more. The curves are those of the untouched file. Put it back, open it in another player, or ask for annotated.mp4, which every browser plays.`);
  }

  function follow() {
    if (!("requestVideoFrameCallback" in video)) {
      video.addEventListener("timeupdate", () => show(video.currentTime - state.offset));
      return;
    }
    const shown = (_, about) => {
      // the player's clock may begin before the first picture; the table's begins with it
      if (!state.seen++ && video.currentTime === 0) state.offset = about.mediaTime;
      show(about.mediaTime - state.offset);
      video.requestVideoFrameCallback(shown);
    };
    video.requestVideoFrameCallback(shown);
  }

  // --- the people and the classes -----------------------------------------------------------------------------------
  function button(parent, text, color, pressed, act) {
    const made = document.createElement("button");
    made.type = "button";
    made.setAttribute("aria-pressed", String(pressed));
    if (color) {
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.background = color;
      made.append(swatch);
    }
    made.append(text);
    made.addEventListener("click", () => act(made));
    parent.append(made);
    return made;
  }

  const picks = meta.subjects.map((subject, number) => button(el("people"), `subject ${subject}`, null, number === 0, () => pick(number)));

  function pick(number) {
    state.person = number;
    picks.forEach((each, k) => each.setAttribute("aria-pressed", String(k === number)));
    drawCurves();
    show(state.now);
  }

  function toggles(titles, colors, renderers) {
    titles.forEach((title, k) => button(el("classes"), title, colors[k], true, (made) => {
      renderers[k].visible = !renderers[k].visible;
      made.setAttribute("aria-pressed", String(renderers[k].visible));
    }).classList.add("class"));
  }

  // --- start --------------------------------------------------------------------------------------------------------
  toggles([...TITLES, ...meta.classes], [...meta.value_colors, ...meta.colors], [...values.renderers, ...lines]);
  const layout = new Bokeh.Column({ children: [values, chances, bars], sizing_mode: "stretch_width", spacing: 4 });
  state.views = (await Bokeh.Plotting.show(layout, "#curves")).child_views;
  let waiting = false;
  range.change.connect(() => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; drawCurves(); placeCursor(); });
  });
  video.addEventListener("error", cannotPlay);
  video.addEventListener("loadedmetadata", () => {
    if (!video.videoWidth) say(`This browser hears ${meta.name} but cannot show its pictures; open it in another player, or ask for annotated.mp4.`);
    show(state.now);
  });
  follow();
  video.src = meta.source;  // only now, so that its first picture is not missed
  new ResizeObserver(() => { drawCurves(); show(state.now); }).observe(el("plots"));
  new ResizeObserver(drawBoxes).observe(stage);
  drawCurves();
  show(0);
  window.abaw = { drawCurves, state, meta, time, range, sources, frameAt, seek, pictureRect };
  document.documentElement.dataset.ready = "yes";
})();
