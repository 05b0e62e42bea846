"use strict";
(() => {
  const study = JSON.parse(document.getElementById("study").textContent);
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  // Powers of two; of rates that lie within three of them whatever Plotly finds
  const logTicks = (rates) => {
    const powers = [...Array(20).keys()].map((k) => 2 ** (k - 8));
    const within = powers.filter((p) => p > Math.min(...rates) / 1.2 && p < Math.max(...rates) * 1.2);
    return within.length < 3 ? { type: "log", nticks: 8 } : { type: "log", tickvals: powers };
  };

  const number = (value, digits) => (value === null ? "-" : value.toFixed(digits));
  const narrow = () => matchMedia("(max-width: 600px)").matches;
  const RATES = ["file bits per pixel", "payload and palette, bits per pixel", "amortized, bits per pixel"];
  const PAGE = 12;

  // Plotly reads some HTML in names.
  const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

  function element(tag, text, className) {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function bytesOf(text) {
    return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  }

  function bitsSet(bytes) {
    let count = 0;
    for (let b of bytes) for (; b; b &= b - 1) count += 1;
    return count;
  }

  // Both points' verdicts: counts over all images, and what an image of the gallery is.
  class Verdicts {
    constructor(packed, images) {
      this.count = Array.isArray(images) ? images.length : images;
      this.places = Array.isArray(images) ? new Map(images.map((image, place) => [image, place])) : null;
      this.packed = packed;
      this.read = new Map();
    }

    of(point) {
      if (!this.read.has(point)) {
        const [judged, right] = this.packed[point].map((text) => (text ? bytesOf(text) : null));
        const all = new Uint8Array(Math.ceil(this.count / 8)).fill(255);
        if (this.count % 8) all[all.length - 1] = (0xff << (8 - (this.count % 8))) & 0xff;
        this.read.set(point, { judged: judged || all, right });
      }
      return this.read.get(point);
    }

    // null: not judged
    right(point, image) {
      if (!this.packed.length) return null;
      const place = this.places ? this.places.get(image) : image;
      const { judged, right } = this.of(point);
      const bit = (bytes) => (bytes[place >> 3] >> (7 - (place & 7))) & 1;
      return bit(judged) ? bit(right) === 1 : null;
    }

    between(a, b) {
      const one = this.of(a), two = this.of(b);
      const counted = (what) => bitsSet(one.judged.map((byte, i) => byte & two.judged[i] & what(one.right[i], two.right[i])));
      return {
        images: counted(() => 0xff),
        gained: counted((x, y) => ~x & y),
        lost: counted((x, y) => x & ~y),
        right: counted((x, y) => x & y),
        wrong: counted((x, y) => ~x & ~y),
      };
    }
  }

{% include "choosing.js" %}
  class Part {
    constructor(section, data, number) {
      Object.assign(this, { section, data, number, page: 0 });
      this.find = (selector) => section.querySelector(selector);
      this.verdicts = {
        accuracy: new Verdicts(data.right, data.images),
        agreement: new Verdicts(data.agrees, data.images),
      };
      for (const name of [".rate", ".share", ".scale", ".front"])
        this.find(name).addEventListener("change", () => { this.draw(); this.gallery(); });
      this.table();
      this.choices();
      new Choosing(section, data);
    }

    get share() { return this.find(".share").value || "accuracy"; }

    // What images are judged by where the figure shows a metric: accuracy, or agreement where there are no labels
    get judged() { return this.verdicts[this.share] ?? (this.data.right.length ? this.verdicts.accuracy : this.verdicts.agreement); }

    // A verdict in words: of labels, or of what the uncompressed image gives
    word(right) {
      if (this.judged === this.verdicts.agreement) return right ? "as uncompressed" : "not as uncompressed";
      return right ? "right" : "wrong";
    }

    show() {
      this.section.hidden = false;
      for (const heading of this.section.querySelectorAll("[data-anchor]")) heading.id = heading.dataset.anchor;
      this.draw();
      this.breakdown();
      this.gallery();
    }

    hide() {
      this.section.hidden = true;
      for (const heading of this.section.querySelectorAll("[data-anchor]")) heading.removeAttribute("id");
    }

    layout(more) {
      const axis = { gridcolor: style("--line"), zerolinecolor: style("--line"), linecolor: style("--quiet"), automargin: true };
      return {
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: style("--ink"), size: 13 },
        hoverlabel: { align: "left" }, margin: { l: 55, r: 15, t: 34, b: 50 }, modebar: { bgcolor: "rgba(0,0,0,0)", color: style("--quiet"), activecolor: style("--accent") },
        ...more,
        xaxis: { ...axis, ...more.xaxis }, yaxis: { ...axis, ...more.yaxis },
      };
    }

    hover(p) {
      const share = p[this.share];
      const lines = [`<b>${plain(p.quantizer)} + ${plain(p.codec)}</b>${p.tuned ? ", " + p.tuned : ""}`];
      const metric = this.share.startsWith("metric"), digits = metric && share && Math.abs(share[0]) < 2 ? 4 : 2;
      if (share) lines.push(`${number(share[0], digits)}${metric ? "" : " %"} [${number(share[1], digits)}, ${number(share[2], digits)}]`);
      lines.push(`${number(p.bpp[0], 3)} bpp; payload ${number(p.bpp[1], 3)}, amortized ${number(p.bpp[2], 3)}`);
      lines.push(`${p.images.toLocaleString("en")} images${p.failed ? `, ${p.failed} failed` : ""}${p.complete ? "" : ", unfinished"}`);
      if (p.beaten_by !== null) lines.push(`beaten by ${plain(this.data.points[p.beaten_by].name)}`);
      lines.push(`<i>${plain(p.settings)}</i>`);
      return lines.join("<br>");
    }

    draw() {
      const { curves, points, reference } = this.data;
      const rate = Number(this.find(".rate").value), share = this.share, log = this.find(".scale").value === "log";
      const traces = curves.map((curve) => {
        const rows = curve.rows.filter((i) => points[i].bpp[rate] !== null && points[i][share]);
        rows.sort((i, j) => points[i].bpp[rate] - points[j].bpp[rate]);
        const heights = rows.map((i) => points[i][share]);
        return {
          type: "scatter", mode: "lines+markers", name: plain(curve.name), customdata: rows,
          x: rows.map((i) => points[i].bpp[rate]), y: heights.map((h) => h[0]),
          error_y: {
            type: "data", symmetric: false, thickness: 1, width: 2,
            array: heights.map((h) => h[2] - h[0]), arrayminus: heights.map((h) => h[0] - h[1]),
          },
          text: rows.map((i) => this.hover(points[i])), hoverinfo: "text",
          line: { color: curve.color, dash: curve.dash, width: 2 }, marker: { color: curve.color, symbol: curve.symbol, size: 8 },
        };
      });
      if (this.find(".front").checked) traces.push(this.pareto(rate, share));
      this.drawn = traces;
      const shapes = [], annotations = [];
      const mark = (shape, text, place) => {
        shapes.push({ type: "line", line: { color: style("--quiet"), width: 1, dash: "dash" }, ...shape });
        annotations.push({ text, showarrow: false, font: { size: 11, color: style("--quiet") }, ...place });
      };
      if (reference !== null && share === "accuracy" && points[reference].accuracy) {
        const y = points[reference].accuracy[0];
        mark({ xref: "paper", x0: 0, x1: 1, y0: y, y1: y }, `uncompressed ${number(y, 1)} %`, { xref: "paper", x: 0.005, xanchor: "left", y, yanchor: "bottom" });
      }
      if (this.data.native !== null && rate === 0) {
        const x = this.data.native;
        mark({ yref: "paper", y0: 0, y1: 1, x0: x, x1: x }, `native files ${number(x, 2)} bpp`,
          { yref: "paper", y: 0.01, yanchor: "bottom", x: log ? Math.log10(x) : x, xanchor: "right", textangle: -90 });
      }
      const legend = narrow() ? { orientation: "h", y: -0.22, font: { size: 11 } } : { x: 1.01, font: { size: 12 } };
      const ticks = log ? logTicks(traces.flatMap((trace) => trace.x)) : { type: "linear", rangemode: "tozero" };
      const target = this.find(".rate-accuracy");
      Plotly.react(target, traces, this.layout({
        hovermode: "closest", shapes, annotations, legend, showlegend: true, uirevision: `${rate} ${share} ${log}`,
        xaxis: { title: { text: RATES[rate] + (log ? " (log scale)" : "") }, ...ticks },
        yaxis: { title: { text: plain(this.data.shares[share]) } },
      }), { responsive: true, displaylogo: false });
      if (!this.listens) {
        this.listens = true;
        target.on("plotly_click", (event) => this.pick(event.points[0].customdata));
      }
    }

    pareto(rate, share) {
      const { points, less } = this.data;
      const worth = (i) => (less.includes(share) ? -1 : 1) * points[i][share][0];
      const order = [...points.keys()].filter((i) => points[i].bpp[rate] !== null && points[i][share] && !points[i].few);
      order.sort((i, j) => points[i].bpp[rate] - points[j].bpp[rate] || worth(j) - worth(i));
      let best = -Infinity;
      const front = order.filter((i) => worth(i) > best && ((best = worth(i)), true));
      return {
        type: "scatter", mode: "lines", name: "Pareto front", customdata: front, line: { color: style("--ink"), width: 1, shape: "hv" },
        x: front.map((i) => points[i].bpp[rate]), y: front.map((i) => points[i][share][0]), hoverinfo: "skip",
      };
    }

    breakdown() {
      const shown = this.data.points.map((p, i) => [p, i]).filter(([, i]) => i !== this.data.reference);
      const longest = narrow() ? 20 : 48;
      const names = shown.map(([p]) => plain(p.name.length > longest ? `${p.name.slice(0, longest - 1)}\u2026` : p.name));
      const places = shown.map((_, i) => i);
      const colors = ["#949494", "#de8f05", "#cc78bc", "#0173b2"];
      const traces = ["container", "tables", "palette", "payload"].map((part, k) => ({
        type: "bar", orientation: "h", name: part, y: places, x: shown.map(([p]) => p.breakdown[k]), marker: { color: colors[k] },
        customdata: shown.map(([p]) => plain(p.name)), hovertemplate: `%{customdata}<br>${part}: %{x:.3f} bpp<extra></extra>`,
      }));
      const target = this.find(".breakdown");
      target.style.height = `${Math.max(240, 110 + 17 * names.length)}px`;
      Plotly.react(target, traces, this.layout({
        barmode: "stack", bargap: 0.25, legend: { orientation: "h", y: 1.01, yanchor: "bottom", traceorder: "normal" },
        margin: { l: 10, r: 15, t: narrow() ? 75 : 40, b: 50 },
        xaxis: { title: { text: "bits per pixel" }, rangemode: "tozero" },
        yaxis: { autorange: "reversed", tickfont: { size: narrow() ? 9 : 11 }, tickvals: places, ticktext: names, zeroline: false },
      }), { responsive: true, displaylogo: false });
    }

    table() {
      const body = this.find(".points tbody"), rows = [...body.rows], heads = [...this.section.querySelectorAll(".points thead th")];
      const cell = (row, column) => {
        const found = row.cells[column], value = found.dataset.value;
        return value === undefined ? found.textContent.trim() : value === "" ? null : Number(value);
      };
      heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
        const way = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
        heads.forEach((h) => h.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
        const order = (x, y) => (typeof x === "number" ? x - y : x.localeCompare(y, "en", { numeric: true }));
        rows.sort((r, s) => {
          const x = cell(r, column), y = cell(s, column);
          if (x === null || y === null) return (x === null) - (y === null);  // what is not there stands last
          return way * order(x, y);
        });
        body.append(...rows);
      }));
      const filter = () => {
        const words = this.find(".filter").value.toLowerCase().split(/\s+/).filter(Boolean);
        const best = this.find(".undominated").checked;
        let count = 0;
        for (const row of rows) {
          const text = `${row.cells[0].textContent} ${row.cells[1].textContent}`.toLowerCase();
          row.hidden = !words.every((w) => text.includes(w)) || (best && this.data.points[row.dataset.point].beaten_by !== null);
          count += !row.hidden;
        }
        this.find(".count").textContent = count < rows.length ? `${count} of ${rows.length} points` : `${count} points`;
      };
      this.find(".filter").addEventListener("input", filter);
      this.find(".undominated").addEventListener("change", filter);
      filter();
      body.addEventListener("click", (event) => {
        if (event.target.closest(".pick")) this.pick(Number(event.target.closest("tr").dataset.point));
      });
    }

    choices() {
      const a = this.data.reference ?? 0;
      for (const [name, first] of [[".a", a], [".b", this.farthest(a)]]) {
        const select = this.find(name);
        this.data.points.forEach((p, i) => select.append(new Option(p.name, i, false, i === first)));
        select.addEventListener("change", () => this.gallery(0));
      }
      if (!this.find(".cards")) return;
      this.find(".which").addEventListener("change", () => this.gallery(0));
      this.find(".back").addEventListener("click", () => this.gallery(this.page - 1));
      this.find(".on").addEventListener("click", () => this.gallery(this.page + 1));
    }

    // Of the points with pictures, or of all, the one with most discordant images.
    farthest(a) {
      const among = this.data.gallery.points.length ? this.data.gallery.points : [...this.data.points.keys()];
      if (!this.judged.packed.length) return among[0];
      const discordant = (b) => { const found = this.judged.between(a, b); return found.gained + found.lost; };
      return among.reduce((best, b) => (discordant(b) > discordant(best) ? b : best), among[0]);
    }

    // A point becomes B: its row is marked, its images are shown.
    pick(point) {
      this.find(".b").value = point;
      for (const row of this.section.querySelectorAll(".points tbody tr")) row.classList.toggle("chosen", Number(row.dataset.point) === point);
      this.gallery(0);
      document.getElementById("gallery").scrollIntoView({ behavior: "smooth" });
    }

    gallery(page = this.page) {
      const { points, gallery, classes, reference } = this.data, verdicts = this.judged;
      const a = Number(this.find(".a").value), b = Number(this.find(".b").value);
      const judged = verdicts.packed.length > 0;
      const kind = (image) => {
        const x = verdicts.right(a, image), y = verdicts.right(b, image);
        if (x === null || y === null) return null;
        return x === y ? (x ? "right" : "wrong") : y ? "gained" : "lost";
      };
      const kinds = new Map(gallery.images.map((shown) => [shown.image, kind(shown.image)]));
      const here = (name) => [...kinds.values()].filter((k) => k === name).length;
      const say = (count) => count.toLocaleString("en");
      const counts = judged ? verdicts.between(a, b) : null;
      this.find(".counts").textContent = !judged ? "" :
        `Of ${say(counts.images)} images${verdicts.count < this.data.drawnFrom ? `, drawn at random from ${say(this.data.drawnFrom)}` : ""}, ${say(counts.gained)} are ${this.word(true)} in B alone (${here("gained")} of them below), ` +
        `${say(counts.lost)} in A alone (${here("lost")} below), ${say(counts.right)} in both, ${say(counts.wrong)} in neither.`;
      const cards = this.find(".cards");
      if (!cards) return;
      const which = this.find(".which").value;
      const chosen = gallery.images.filter((shown) => which === "all" || !judged || kinds.get(shown.image) === which);
      const last = Math.max(0, Math.ceil(chosen.length / PAGE) - 1);
      this.page = Math.min(Math.max(0, page), last);
      const begin = this.page * PAGE;
      this.find(".where").textContent = chosen.length ? `${begin + 1} to ${Math.min(begin + PAGE, chosen.length)} of ${chosen.length}` : "none";
      this.find(".back").disabled = this.page === 0;
      this.find(".on").disabled = this.page === last;
      const picture = (source, size, title, lines, right, picked) => {
        const figure = element("figure", undefined, [right === null ? "" : right ? "right" : "wrong", picked ? "picked" : ""].join(" ").trim());
        const img = new Image();
        Object.assign(img, { src: source, alt: `${title}: ${lines.join(", ")}` });
        [img.width, img.height] = size;
        const caption = element("figcaption", title);
        for (const line of lines) caption.append(element("br"), line);
        if (right !== null) caption.append(element("br"), element("span", `${right ? "\u2713" : "\u2717"} ${this.word(right)}`, "verdict"));
        figure.append(img, caption);
        return figure;
      };
      const name = (prediction) => (prediction < 0 ? "" : classes[prediction] ?? `class ${prediction}`);
      cards.replaceChildren(...chosen.slice(begin, begin + PAGE).map((shown) => {
        const card = element("div", undefined, "card"), strip = element("div", undefined, "strip");
        const why = shown.why === "discordant" ? "points disagree" : "at random";
        card.append(element("h4", `image ${shown.image}${shown.name ? `, ${shown.name}` : ""}${shown.label ? `: ${shown.label}` : ""} (${why})`), strip);
        const first = reference === null ? null : verdicts.right(reference, shown.image);
        strip.append(picture(shown.original, shown.size, "original", [name(shown.prediction)].filter(Boolean), first, a === reference));
        const order = [...new Set([a, b, ...gallery.points])].filter((i) => shown.pictures[i]);
        for (const i of order) {
          const found = shown.pictures[i], bpp = (8 * found.bytes) / (shown.size[0] * shown.size[1]);
          const lines = [`${bpp.toFixed(2)} bpp${found.alike ? "" : " (not as long as the measured file)"}`, name(found.prediction)];
          strip.append(picture(found.source, shown.size, points[i].name, lines, verdicts.right(i, shown.image), i === a || i === b));
        }
        return card;
      }));
    }
  }

  const parts = [...document.querySelectorAll(".part")].map((section, number) => new Part(section, study[number], number));
  let current = parts[0];
  const choose = (part) => {
    current.hide();
    current = part;
    current.show();
  };
  document.getElementById("part")?.addEventListener("change", (event) => choose(parts[event.target.value]));
  const root = document.documentElement, button = document.getElementById("scheme");
  const dark = () => (root.dataset.scheme ? root.dataset.scheme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  const again = () => { button.textContent = dark() ? "Light" : "Dark"; current?.draw(); current?.breakdown(); };
  button.addEventListener("click", () => { root.dataset.scheme = dark() ? "light" : "dark"; again(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  matchMedia("(max-width: 600px)").addEventListener("change", again);
  for (const part of parts) part.hide();
  if (current) choose(current);  // a page may be of trained networks alone
  button.textContent = dark() ? "Light" : "Dark";
})();
