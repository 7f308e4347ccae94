/* The page that goes into every export. Text only. */
#ifndef SEGMENT_EXPORT_README_H
#define SEGMENT_EXPORT_README_H

#define EXPORT_README \
	"# ログの写しと、その証明 / A copy of the log, and its proof\n" \
	"\n" \
	"この写しは、記録されたあとに書き換え・削除・並べ替え・重複がないことを、どこででも確かめられます。\n" \
	"\n" \
	"    toride log verify この写しのディレクトリ\n" \
	"\n" \
	"- `records.jsonl`: 記録(平文)。`record` が記録そのもの、`salt` はその記録だけの乱数です。\n" \
	"- `leaves/`: 区間(セグメント)ごとの全記録のハッシュ。i 行目が番号 i−1 の記録です。\n" \
	"- `checkpoints.jsonl`: 署名された時点ごとの木の根。`seal.pub` は署名の公開鍵です。\n" \
	"- インシデントの証拠として書き出した場合: 選ばれた記録だけが平文で、ほかはハッシュだけです。`incident.json` は\n" \
	"  受付票の写しです。誰が何のために持ち出したかは `records.jsonl` の `log.export.begin` にあります。選び漏れが\n" \
	"  ないことは、持ち出した側のログに残る SHA-256（`log.export.end`）との照合で確かめます。\n" \
	"- 公開鍵は、この写しとは別の経路(運用者が公表したもの)と必ず照合してください。\n" \
	"- わからないこと: 記録されなかったこと、最後の署名ごと末尾が切り取られたこと。最後の署名を、外部の立会人\n" \
	"  (県に送られたもの)と照合してください。\n" \
	"- 平文の記録を含みます。取扱いは各団体の情報セキュリティポリシーに従ってください。\n" \
	"\n" \
	"This copy can be checked anywhere: nothing was altered, removed, reordered or duplicated after it was written.\n" \
	"\n" \
	"    toride log verify DIRECTORY\n" \
	"\n" \
	"- `records.jsonl`: the records in the clear; `record` is the text itself, `salt` its own random number.\n" \
	"- `leaves/`: the hashes of all records of a segment; line i is record i-1.\n" \
	"- `checkpoints.jsonl`: roots of the trees as they were signed; `seal.pub` is the public key.\n" \
	"- Of an incident: only the records that belong to it are in the clear, of the others there is the hash. `incident.json` is a\n" \
	"  copy of its card. Who took it out, and what for, is the record `log.export.begin`. That none was left out is shown by the\n" \
	"  SHA-256 that stands in the log it came from (`log.export.end`).\n" \
	"- Compare the public key with the one the operator publishes elsewhere.\n" \
	"- It can't show what was never recorded, nor that the end was cut together with the signatures about it: compare the\n" \
	"  last checkpoint with what an outside witness keeps.\n" \
	"- It holds records in the clear.\n" \
	"\n" \
	"## Without toride\n" \
	"\n" \
	"    leaf = SHA-256(0x00 + salt + record as UTF-8), node = SHA-256(0x01 + left + right), RFC 6962 section 2.1\n" \
	"    the root over the first `count` leaves of a segment = `root` of a head in a checkpoint\n" \
	"    head leaf = SHA-256(0x00 + \"ORG/SERIES/SEGMENT COUNT ROOT CHAIN open|sealed\\n\"), SEGMENT with six digits;\n" \
	"    `path` leads from it (place `at` of `n`) to the checkpoint's `root`\n" \
	"    signed (Ed25519): \"toride checkpoint v1\\nNUMBER\\nTIME_MS\\nPREV\\nN\\nROOT\\n\"\n"

#endif
