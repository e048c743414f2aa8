// What programs do with Octokit, from a tag to a deployment; prints what they see.
import { Octokit } from "@octokit/rest";

const [owner, repo] = process.env.GITHUB_REPOSITORY.split("/");
const octokit = new Octokit({ auth: process.env.GITHUB_TOKEN, baseUrl: process.env.GITHUB_API_URL });
const { git, repos, issues, pulls, actions } = octokit.rest;
const here = { owner, repo };

const main = await git.getRef({ ...here, ref: "heads/main" });
const commit = main.data.object.sha;
const tag = await git.createTag({ ...here, tag: "v2.0.0", message: "Two", object: commit, type: "commit" });
await git.createRef({ ...here, ref: "refs/tags/v2.0.0", sha: tag.data.sha });
const again = await git.createRef({ ...here, ref: "refs/tags/v2.0.0", sha: commit }).catch((error) => error);

const draft = await repos.createRelease({ ...here, tag_name: "v2.0.0", name: "Two", body: "Text", draft: true });
const asset = await octokit.request({
  method: "POST", url: draft.data.upload_url, name: "shop 2.txt", data: "hello", headers: { "content-type": "text/plain" },
});
const published = await repos.updateRelease({ ...here, release_id: draft.data.id, draft: false });
const bytes = await repos.getReleaseAsset({
  ...here, asset_id: asset.data.id, headers: { accept: "application/octet-stream" },
});

const releases = await octokit.paginate(repos.listReleases, { ...here, per_page: 1 });
const comment = await issues.createComment({ ...here, issue_number: 1, body: "Thanks" });
await issues.addLabels({ ...here, issue_number: 1, labels: ["released"] });
const merged = await pulls.list({ ...here, state: "closed" });
const deployment = await repos.createDeployment({ ...here, ref: "v2.0.0", auto_merge: false, required_contexts: [] });
const status = await repos.createDeploymentStatus({ ...here, deployment_id: deployment.data.id, state: "success" });
const dispatch = { ...here, workflow_id: "release.yml", ref: "main" };
const started = await actions.createWorkflowDispatch({ ...dispatch, inputs: { level: "minor" } });
const refused = await actions.createWorkflowDispatch({ ...dispatch, inputs: { lvl: "minor" } }).catch((error) => error);
const { repository } = await octokit.graphql(
  "query($owner: String!, $repo: String!) { repository(owner: $owner, name: $repo) { latestRelease { tagName } } }",
  here,
);

console.log(JSON.stringify({
  again: [again.status, again.response.data.message],
  asset: asset.data.name,
  bytes: Buffer.from(bytes.data).toString(),
  comment: comment.status,
  latest: repository.latestRelease.tagName,
  merged: merged.data.map((pull) => pull.number),
  published: [published.data.tag_name, published.data.draft],
  refused: [refused.status, refused.response.data.message],
  releases: releases.map((release) => release.tag_name),
  started: started.status,
  status: status.data.state,
}));
