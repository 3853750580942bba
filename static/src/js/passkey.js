// Passkeys: the browser's half. What the server asks stands in data-options; the answer goes into the form's field.
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const withBytes = (list) => (list ?? []).map((each) => ({ ...each, id: bytes(each.id) }));

/** A button that asks for a passkey and sends its form with the answer. */
export function passkeyAsk(button) {
  if (!window.PublicKeyCredential) return;
  button.hidden = false;
  button.addEventListener("click", () => exchange(button, button.closest("form"), async (options) => {
    const publicKey = { ...options, challenge: bytes(options.challenge), allowCredentials: withBytes(options.allowCredentials) };
    const { id, rawId, type, response } = await navigator.credentials.get({ publicKey });
    return { id, rawId: text(rawId), type, response: {
      clientDataJSON: text(response.clientDataJSON),
      authenticatorData: text(response.authenticatorData),
      signature: text(response.signature),
      userHandle: response.userHandle ? text(response.userHandle) : null,
    } };
  }));
}

/** A form that has a passkey made before it is sent. */
export function passkeyCreate(form) {
  if (!window.PublicKeyCredential) return;
  form.hidden = false;
  form.parentElement.querySelector("[data-no-passkeys]").hidden = true;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    exchange(form, form, async (options) => {
      const publicKey = {
        ...options,
        challenge: bytes(options.challenge),
        user: { ...options.user, id: bytes(options.user.id) },
        excludeCredentials: withBytes(options.excludeCredentials),
      };
      const { id, rawId, type, response } = await navigator.credentials.create({ publicKey });
      return { id, rawId: text(rawId), type, response: {
        clientDataJSON: text(response.clientDataJSON),
        attestationObject: text(response.attestationObject),
        transports: response.getTransports?.() ?? [],
      } };
    });
  });
}

/** Whoever closes the browser's dialog finds a sentence beside the button; nothing is sent then. */
async function exchange(element, form, ask) {
  const problem = form.querySelector("[data-passkey-problem]");
  problem.hidden = true;
  try {
    form.elements.passkey.value = JSON.stringify(await ask(JSON.parse(element.dataset.options)));
    form.submit();
  } catch {
    problem.hidden = false;
  }
}
