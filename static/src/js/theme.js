// Runs before the page is drawn: the chosen theme, else the system's.
const system = matchMedia("(prefers-color-scheme: dark)");

function apply() {
  let chosen = null;
  try { chosen = localStorage.getItem("theme"); } catch { /* storage may be forbidden: follow the system */ }
  const dark = chosen ? chosen === "dark" : system.matches;
  document.documentElement.dataset.bsTheme = dark ? "dark" : "light";
}

apply();
system.addEventListener("change", apply);
addEventListener("storage", apply);
addEventListener("themechange", apply);
