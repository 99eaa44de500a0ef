// What the server of a page tells it: where Kinde and the API are, and who the application is.
export const settings = await (await fetch("/settings.json")).json();

export const call = async (token) => {
  const answer = await fetch(`${settings.api}/users`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  return `${answer.status} ${await answer.text()}`;
};
