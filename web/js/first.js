// Runs before the first paint, so that a chosen theme does not flash. Everything else is a module.
try {
  const theme = localStorage.getItem('earwitness.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Storage is switched off: the system's theme it is.
}
