/* Draws the table that a [data-chart] names: one category for each row, one series for each column with data-drawn.
   The numbers are read from the table, so a chart can never say anything else; without this file the tables stay. */
"use strict";

(() => {
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const write = {
    rate: (value) => `${Math.round(value * 1000) / 10} %`,
    score: (value) => Number(value).toFixed(3),
    count: (value) => String(value),
  };

  /* ---- the table as {categories, series: [{name, form, values}]} ---- */
  const read = (table) => {
    const rows = Array.from(table.tBodies[0].rows);
    const heads = Array.from(table.tHead.rows[0].cells);
    return {
      categories: rows.map((row) => row.cells[0].textContent.trim()),
      series: heads.flatMap((head, place) => (head.dataset.drawn ? [{
        name: head.textContent.trim(),
        form: head.dataset.drawn,
        values: rows.map((row) => (row.cells[place].dataset.value === undefined ? null : Number(row.cells[place].dataset.value))),
      }] : [])),
    };
  };

  const option = (kind, { categories, series }) => {
    const text = { color: css("--ink-soft"), fontSize: 12 };
    const form = series[0].form;
    const lying = kind === "rows";
    const clip = (word) => (word.length > 11 ? `${word.slice(0, 10)}…` : word);
    const names = {
      type: "category", data: categories, inverse: lying,
      axisLabel: { ...text, hideOverlap: true, ...(lying ? { formatter: clip } : {}) },
      axisTick: { show: false }, axisLine: { lineStyle: { color: css("--rule-strong") } },
    };
    const values = {
      type: "value", scale: kind === "line", ...(form === "count" ? { minInterval: 1 } : {}),
      axisLabel: { ...text, formatter: kind === "line" ? (value) => value.toFixed(2) : write[form] }, splitNumber: 4,
      splitLine: { lineStyle: { color: css("--rule") } },
    };
    const colours = [css("--accent"), css("--waiting"), css("--done")];
    return {
      animation: !calm,
      textStyle: { fontFamily: css("--sans") },
      grid: { left: 8, right: kind === "line" ? 104 : 52, top: 24, bottom: 8, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
      xAxis: lying ? values : names,
      yAxis: lying ? names : values,
      series: series.map((one, place) => ({
        name: one.name,
        type: kind === "line" ? "line" : "bar",
        data: one.values,
        color: colours[place % colours.length],
        barMaxWidth: 22,
        symbol: ["circle", "rect", "triangle"][place % 3],
        symbolSize: 8,
        lineStyle: { width: 2, type: place ? "dashed" : "solid" },
        label: { ...text, show: kind !== "line", position: lying ? "right" : "top", formatter: ({ value }) => (value === null || value === undefined ? "" : write[one.form](value)) },
        endLabel: { ...text, show: kind === "line", formatter: "{a}" },
        labelLayout: { hideOverlap: true },
      })),
    };
  };

  document.querySelectorAll("[data-chart]").forEach((place) => {
    const table = document.getElementById(place.dataset.table);
    if (!table || typeof echarts === "undefined") return;
    const drawn = read(table);
    place.hidden = false;
    if (place.dataset.chart === "rows") place.style.height = `${Math.max(120, 48 + 30 * drawn.categories.length)}px`;
    const chart = echarts.init(place);
    chart.setOption(option(place.dataset.chart, drawn));
    new ResizeObserver(() => chart.resize()).observe(place);
  });
})();
