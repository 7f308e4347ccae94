// Drives http-cache-tests with Node's own fetch, which needs no package of npm's.
// node cache_drive.mjs SUITE_DIRECTORY BASE_URL: a line a case, "CLASS KIND pass|fail|untested ID WHY", tabs between. untested: a case it depends on fails.
import { pathToFileURL } from 'node:url'
const [suite, base] = process.argv.slice(2)
const part = (path) => import(pathToFileURL(`${suite}/${path}`).href)
const { runTests, getResults } = await part('client/runner.mjs')
const classes = (await part('tests/index.mjs')).default
await runTests(classes, fetch, false, base)
const results = getResults()
for (const c of classes) {
  for (const t of c.tests) {
    if (t.browser_only) continue
    const passed = results[t.id] === true
    const depends = (t.depends_on || []).some((id) => results[id] !== true)
    console.log([c.id, t.kind || 'required', passed ? 'pass' : depends ? 'untested' : 'fail', t.id, passed ? '' : (results[t.id] || ['', 'no result'])[1]].join('\t'))
  }
}
