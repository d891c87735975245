// node build.mjs FOLDER: writes plotly.min.js, its hash and the licences of what is in it. The same bytes every time.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import esbuild from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))
const target = process.argv[2]
if (!target) {
  console.error('name the folder to write to: node build.mjs ../../reports/static')
  process.exit(2)
}

const about = name => JSON.parse(readFileSync(join(here, 'node_modules', name, 'package.json'), 'utf8'))
const { version } = about('plotly.js')

// The settings are those of plotly.js's own build (esbuild-config.js in its package), where they bear on these traces.
const { outputFiles, metafile } = await esbuild.build({
  absWorkingDir: here,
  entryPoints: ['entry.cjs'],
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  outfile: 'plotly.min.js',
  format: 'iife',
  globalName: 'Plotly',
  target: 'es2020',
  charset: 'ascii',
  legalComments: 'eof',
  alias: { regl: '@plotly/regl' },
  define: { global: 'window', 'define.amd': 'false' },
  // Style sheets are those of maps, which are not in it; GLSL is text.
  loader: { '.css': 'empty', '.glsl': 'text' },
  banner: { js: `/*! plotly.js ${version} (MIT, Plotly, Inc.): core, scatter, bar, box, heatmap, parcoords, sankey */` },
})
const code = Buffer.from(outputFiles[0].contents)
if (/<\/script|<!--/i.test(code.toString())) throw new Error('the bundle cannot stand in a script element')

const inside = Object.entries(metafile.outputs['plotly.min.js'].inputs)
  .filter(([path, { bytesInOutput }]) => bytesInOutput > 0 && !path.endsWith('.css'))
  .map(([path]) => path.match(/.*node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1])
const packages = [...new Set(inside)].filter(name => name && existsSync(join(here, 'node_modules', name))).sort()
const licences = packages.map(name => {
  const folder = join(here, 'node_modules', name)
  const file = readdirSync(folder).sort().find(one => /^(licen[cs]e|copying)/i.test(one))
  const { version, license, author } = about(name)
  const text = file ? readFileSync(join(folder, file), 'utf8').trim() : `Author: ${author?.name ?? author ?? 'see the package'}`
  return `${name} ${version} (${license})\n\n${text}\n`
})

mkdirSync(target, { recursive: true })
writeFileSync(join(target, 'plotly.min.js'), code)
writeFileSync(join(target, 'plotly.min.js.sha256'), `${createHash('sha256').update(code).digest('hex')}  plotly.min.js\n`)
writeFileSync(join(target, 'plotly.licences.txt'), licences.join(`\n${'-'.repeat(80)}\n\n`))
console.log(`plotly.js ${version}: ${code.length} bytes, ${packages.length} packages`)
