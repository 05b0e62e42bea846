  // Answers from what is measured: the cheapest setting within a loss, the most accurate within a rate.
  class Choosing {
    constructor(section, data) {
      Object.assign(this, { data, find: (selector) => section.querySelector(selector) });
      if (!this.find(".tolerance")) return;
      const rates = data.points.map((p) => p.bpp[0]).filter((bpp) => bpp > 0);
      this.rates = [Math.min(...rates), Math.max(...rates)];
      for (const [slider, draw] of [[".tolerance", () => this.within()], [".limit", () => this.spent()]]) {
        this.find(slider).addEventListener("input", draw);
        draw();
      }
    }

    // A slider's place on a logarithmic scale, to two digits
    static value(slider, low, high) {
      return Number((low * (high / low) ** (slider.value / 100)).toPrecision(2));
    }

    // The settings of each curve that have a loss, the dearest first
    curves() {
      const { points, choosing } = this.data;
      return this.data.curves.map((curve) => ({
        name: curve.name,
        rows: curve.rows.filter((i) => choosing.losses[i] && points[i].bpp[0] !== null && !points[i].few)
          .sort((i, j) => points[j].bpp[0] - points[i].bpp[0]),
      })).filter((curve) => curve.rows.length);
    }

    within() {
      const { points, choosing } = this.data;
      const most = Choosing.value(this.find(".tolerance"), 0.1, 10);
      this.find(".tolerance-shown").textContent = `${most} ${most === 1 ? "point" : "points"} of ${choosing.measure}`;
      const answers = this.curves().map(({ name, rows }) => {
        const failing = rows.findIndex((i) => choosing.losses[i][2] > most);
        const next = failing < 0 ? undefined : rows[failing];
        const shown = failing < 0 ? rows.at(-1) : rows[failing - 1];
        const open = next !== undefined && choosing.losses[next][1] <= most ? `${this.setting(next)}: ${this.loss(next)}` : "";
        return { name, shown, open };
      });
      answers.sort((a, b) => (points[a.shown]?.bpp[0] ?? Infinity) - (points[b.shown]?.bpp[0] ?? Infinity));
      this.fill(".within", answers.map(({ name, shown, open }) => [...this.row(name, shown, "none"), open]));
      this.find(".deciding code").textContent = `rabench choose ${choosing.study} --lose-at-most ${most}${choosing.labels}`;
    }

    spent() {
      const { points, choosing } = this.data;
      const most = Choosing.value(this.find(".limit"), ...this.rates);
      this.find(".limit-shown").textContent = `${most} bpp`;
      const answers = this.curves().map(({ name, rows }) => {
        const cheap = rows.filter((i) => points[i].bpp[0] <= most);
        const best = cheap.reduce((a, b) => (a === undefined || choosing.losses[b][0] < choosing.losses[a][0] ? b : a), undefined);
        return { name, best };
      });
      answers.sort((a, b) => (choosing.losses[a.best]?.[0] ?? Infinity) - (choosing.losses[b.best]?.[0] ?? Infinity));
      this.fill(".spent", answers.map(({ name, best }) => this.row(name, best, "none so cheap")));
    }

    setting(i) {
      const { quantizer, codec } = this.data.points[i];
      return quantizer === "none" ? codec : `${quantizer} + ${codec}`;
    }

    loss(i) {
      const [loss, low, high] = this.data.choosing.losses[i];
      return `${number(loss, 2)} [${number(low, 2)}, ${number(high, 2)}]`;
    }

    row(name, i, none) {
      const p = this.data.points[i], timed = this.data.timed;
      if (i === undefined) return [name, none, "", "", "", ...(timed ? [""] : [])];
      const gigabytes = this.data.choosing.bytes[i] / 1e3;
      const cells = [name, this.setting(i), number(p.bpp[0], 3), number(gigabytes, gigabytes < 10 ? 2 : 1), this.loss(i)];
      return timed ? [...cells, p.times ? String(p.times[0]) : "-"] : cells;
    }

    fill(table, rows) {
      const numbers = new Set([2, 3, 4, ...(this.data.timed ? [5] : [])]);
      this.find(`${table} tbody`).replaceChildren(...rows.map((cells) => {
        const row = element("tr");
        row.append(...cells.map((cell, place) => element(place ? "td" : "th", cell, numbers.has(place) ? "number" : undefined)));
        row.firstChild.scope = "row";
        return row;
      }));
    }
  }

