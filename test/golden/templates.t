#!/bin/bash
# The build's check of page templates (tools/check-templates) lets our pages through and refuses what could be injected.
cd "${TORIDE_SOURCE:-$(dirname "$0")/../..}" || exit 1
work=$(mktemp -d /tmp/toride-templates.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
n=0
tap() { n=$((n + 1)); if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi; }
tools/check-templates src/portal/*.c; tap $? "every template of ours"
check() { printf '%s\n' "$2" >"$work/x.c"; tools/check-templates "$work/x.c" 2>"$work/said"; [ $? -eq "$1" ]; }
good() { check 0 "$1"; tap $? "taken: $1"; }
bad() { check 1 "$1" && grep -q "^$work/x.c:1: " "$work/said"; tap $? "refused: $1"; }
good 'html_put(h, "<p>{t}</p>", a);'
good 'html_put(h, "<a href=\"/x/{u}?y={u}\">{t}</a>", a, b, c);'
good 'html_put(h, "<a href=\"{p}\">x</a>", a);'
good 'html_put(h, x ? "<b>{t}</b>" : "<i>{t}</i>", a);'
good 'html_put(h, "<p title=\"{a}\">" "{t}</p>", f("{t}", ","), b);'
good 'html_put(h, "</form><script src=\"/passkey.js\"></script><p>{t}</p>", a);'
bad 'html_put(h, "<script src=\"/passkey.js?{u}\"></script>", a);'
bad 'html_put(h, "<script src=\"//evil.example/x.js\"></script>");'
bad 'html_put(h, a);'
bad 'html_put(h, "<p>" X, a);'
bad 'html_put(h, "<p title=\"{t}\">", a);'
bad 'html_put(h, "<p title={a}>", a);'
bad "html_put(h, \"<p title='{a}'>\", a);"
bad 'html_put(h, "<p {a}>", a);'
bad 'html_put(h, "<{a}>", a);'
bad 'html_put(h, "<a href=\"{a}\">", a);'
bad 'html_put(h, "<a href=\"{u}\">", a);'
bad 'html_put(h, "<a href=\"//{u}\">", a);'
bad 'html_put(h, "<a href=\"javascript:{u}\">", a);'
bad 'html_put(h, "<p>{a}</p>", a);'
bad 'html_put(h, "<p>{u}</p>", a);'
bad 'html_put(h, "<script>{t}</script>", a);'
bad 'html_put(h, "<p onclick=\"{a}\">", a);'
bad 'html_put(h, "<p style=\"{a}\">", a);'
bad 'html_put(h, "<p title=\"", a);'
bad 'html_put(h, "<p>{x}</p>", a);'
bad 'html_put(h, "<p>{t}</p>");'
bad 'html_put(h, "<p>{t}</p>", a, b);'
bad 'html_put(h, x ? "<b>{t}</b>" : "<b title=\"{t}\"></b>", a);'
echo "1..$n"
