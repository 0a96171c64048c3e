// Runs in the page before any other script, in cost visits: long tasks and layout shifts.
(() => {
  const seen = (window.__watch = { longTasks: [], shift: 0 });
  const observe = (type, take) =>
    new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({
      type,
      buffered: true,
    });
  observe("longtask", (entry) => seen.longTasks.push(entry.duration));
  observe("layout-shift", (entry) => {
    if (!entry.hadRecentInput) seen.shift += entry.value;
  });
})();
