// What of plotly.js goes into the page. `lib/core` brings scatter. Parallel coordinates in the form that brings its
// WebGL programs ready made: the usual form compiles them with `Function`, which our content security policy forbids.
const Plotly = require('plotly.js/lib/core')

Plotly.register([
  require('plotly.js/lib/bar'),
  require('plotly.js/lib/box'),
  require('plotly.js/lib/heatmap'),
  require('plotly.js/src/traces/parcoords/strict'),
  require('plotly.js/lib/sankey'),
])

module.exports = Plotly
