// Runs before anything of the page is seen: what only works with a script is styled by this class.
document.documentElement.classList.add('js')
try {
  const chosen = localStorage.getItem('aftersweep-theme')
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen
} catch { /* a page from disk may not be allowed to keep anything */ }
