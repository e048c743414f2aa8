"use strict";
// A page that nobody builds anew goes on saying "healthy": it has to say how old it is.
{
  const made = Date.parse(document.getElementById("made").dateTime);
  const old = document.getElementById("old");
  const tell = () => {
    const hours = Math.floor((Date.now() - made) / 3600000);
    old.hidden = hours < 27; // it is built once a day
    old.textContent = `This page is ${hours < 48 ? `${hours} hours` : `${Math.floor(hours / 24)} days`} old. What it says may be over.`;
  };
  tell();
  setInterval(tell, 60000);
}
