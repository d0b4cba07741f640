// The code that a QR code brought behind the #: typed in, and taken out of the address.
(() => {
  const code = location.hash.slice(1);
  if (!/^\d{8}$/.test(code)) return;
  document.getElementById("code").value = code;
  history.replaceState(null, "", location.pathname);
  document.querySelector("form button").focus();
})();
