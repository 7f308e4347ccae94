// Asks the authenticator and sends the form: the one thing on the desk's pages that a browser can't do without a script. What is asked for
// stands in the form's data-; bytes go out as base64url, a credential's id as hexadecimal digits, which is how it comes in.
"use strict";
(() => {
	const form = document.getElementById("passkey"), said = document.getElementById("passkey-said");
	if (!form || !window.PublicKeyCredential)
		return;
	const d = form.dataset;
	const bytes = (s) => Uint8Array.from(atob(s.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
	const text = (a) => btoa(String.fromCharCode(...new Uint8Array(a))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
	const hex = (a) => Array.from(new Uint8Array(a), (b) => b.toString(16).padStart(2, "0")).join("");
	const id = (s) => ({ type: "public-key", id: Uint8Array.from(s.match(/../g), (b) => parseInt(b, 16)) });
	const ids = d.ids.split(" ").filter((s) => s).map(id);
	const make = () => navigator.credentials.create({ publicKey: {
		challenge: bytes(d.challenge), rp: { id: d.rp, name: d.service },
		user: { id: new TextEncoder().encode(d.account), name: d.account, displayName: d.account },
		pubKeyCredParams: [-7, -8, -257].map((alg) => ({ type: "public-key", alg })), excludeCredentials: ids,
		authenticatorSelection: { residentKey: "discouraged", userVerification: "preferred" }, attestation: "none", timeout: 120000 } });
	const get = () => navigator.credentials.get({ publicKey: {
		challenge: bytes(d.challenge), rpId: d.rp, allowCredentials: ids, userVerification: "preferred", timeout: 120000 } });
	const send = (c) => {
		const r = c.response, f = form.elements;
		f.id.value = hex(c.rawId);
		f.client_data.value = text(r.clientDataJSON);
		f.auth_data.value = text(d.make ? r.getAuthenticatorData() : r.authenticatorData);
		if (d.make)
			f.spki.value = text(r.getPublicKey());
		else
			f.signature.value = text(r.signature);
		form.submit();
	};
	document.getElementById("passkey-go").addEventListener("click", () => {
		said.hidden = true;
		(d.make ? make() : get()).then(send, () => { said.hidden = false; });
	});
})();
