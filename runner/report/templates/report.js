"use strict";
// Unpacks plotly, which travels compressed, and has it draw each figure in the colours of the page when it comes near.
// Until then, and where no script runs, the still picture of it stands in its place.
window.drawn = (async () => {
  const root = document.documentElement;
  const read = (name) => JSON.parse(document.getElementById(name).textContent);
  const { figures, inTheDark } = read("figures");
  const canHover = window.matchMedia("(hover: hover)").matches;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  // As a file of its own the browser compiles it beside the page, which can be read and scrolled meanwhile.
  async function load(text) {
    const packed = atob(text);
    const bytes = new Uint8Array(packed.length);
    for (let index = 0; index < packed.length; index++) bytes[index] = packed.charCodeAt(index);
    const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const file = await new Response(plain, { headers: { "Content-Type": "text/javascript" } }).blob();
    await new Promise((loaded, failed) => {
      const script = document.createElement("script");
      Object.assign(script, { onload: loaded, onerror: failed, src: URL.createObjectURL(file) });
      document.head.append(script);
    });
  }

  function coloured(value) {
    if (typeof value === "string") return (dark.matches && inTheDark[value]) || value;
    if (Array.isArray(value)) return value.map(coloured);
    if (value && typeof value === "object")
      return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, coloured(each)]));
    return value;
  }

  function themed(figure, width) {
    const style = getComputedStyle(root);
    const colour = (name) => style.getPropertyValue(name).trim();
    const { data, layout } = coloured(figure);
    const named = data.filter((line) => line.showlegend !== false).length;
    const room = named > 0 && layout.showlegend !== false ? 62 + 19 * (width < 600 ? named : 1) : 44;
    const axis = { gridcolor: colour("--grid"), linecolor: colour("--line"), tickcolor: colour("--line") };
    return [data, {
      ...layout,
      margin: { ...layout.margin, b: room },
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("--ink") },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      xaxis: { ...layout.xaxis, ...axis },
      yaxis: { ...layout.yaxis, ...axis },
      hoverlabel: { bgcolor: colour("--card"), bordercolor: colour("--line"), font: { color: colour("--ink") } },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("--faint"), activecolor: colour("--ink") },
    }, { responsive: true, displaylogo: false, displayModeBar: canHover && "hover", modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]] }];
  }

  function draw(place) {
    const chooser = place.parentElement.querySelector("select");
    const name = chooser ? `${place.dataset.figure}/${chooser.value}` : place.dataset.figure;
    return window.Plotly.react(place, ...themed(figures[name], place.clientWidth));
  }

  const places = [...document.querySelectorAll("[data-figure]")];
  if (!places.length) return 0;
  try {
    await load(document.getElementById("plotly").textContent);
    root.classList.remove("unscripted");
    void window.Plotly.version;
  } catch (error) {
    root.classList.add("unscripted");
    return 0;
  }
  const shown = new Map();
  const show = (place) => {
    if (!shown.has(place)) shown.set(place, draw(place));
    return shown.get(place);
  };
  window.drawAll = () => Promise.all(places.map(show));
  const coming = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      coming.unobserve(target);
      show(target);
    }
  }, { rootMargin: "400px" });
  await show(places[0]);
  for (const place of places) {
    coming.observe(place);
    place.parentElement.querySelector("select")?.addEventListener("change", () => draw(place));
  }
  dark.addEventListener("change", () => [...shown.keys()].forEach(draw));
  window.addEventListener("beforeprint", window.drawAll);
  return performance.now();
})();
