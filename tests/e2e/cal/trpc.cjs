// A server and a client of tRPC itself, with superjson, in the shape that Cal.com gives them: one address for each
// router, calls of one moment sent as one batch. They prove the wire format that the rules take for granted; the
// procedures are ours.
//
//     node trpc.cjs serve 8080
//     node trpc.cjs call http://127.0.0.1:8081        one line of JSON on the standard input for each round of calls

const http = require("node:http");
const readline = require("node:readline");
const { initTRPC, TRPCError } = require("@trpc/server");
const { createHTTPHandler } = require("@trpc/server/adapters/standalone");
const { createTRPCProxyClient, httpBatchLink } = require("@trpc/client");
const superjson = require("superjson");

const t = initTRPC.create({ transformer: superjson });
const as = (said) => said;
const members = [{ id: 9, name: "Bo", email: "bo@example.org", role: "MEMBER" }];

const teams = t.router({
  listMembers: t.procedure.input(as).query(({ input }) => ({ members: input.teamId === 5 ? members : [] })),
  changeMemberRole: t.procedure.input(as).mutation(({ input }) => {
    if (input.role === "OWNER") throw new TRPCError({ code: "FORBIDDEN" });
    members[0].role = input.role;
    return { role: input.role, teamId: input.teamId, user: { name: "Bo" }, team: { id: input.teamId } };
  }),
  inviteMember: t.procedure.input(as).mutation(({ input }) => ({ usernameOrEmail: input.usernameOrEmail })),
});
const apiKeys = t.router({
  create: t.procedure.input(as).mutation(() => "cal_live_fedcba9876543210fedcba9876543210"),
});

function serve(port) {
  const handlers = { teams: createHTTPHandler({ router: teams }), apiKeys: createHTTPHandler({ router: apiKeys }) };
  const session = JSON.stringify({ user: { id: 7, name: "Ada", email: "ada@example.org", org: { id: 3 } } });
  const answer = (request, response) => {
    const [, router, rest] = request.url.match(/^\/api\/trpc\/(\w+)(\/.*)$/) ?? [];
    if (!router) return response.setHeader("content-type", "application/json").end(session);
    request.url = rest;
    return handlers[router](request, response);
  };
  http.createServer(answer).listen(port, "127.0.0.1");
}

async function call(base) {
  const headers = { cookie: "next-auth.session-token=a-session" };
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { router, calls } = JSON.parse(line);
    const link = httpBatchLink({ url: `${base}/api/trpc/${router}`, headers });
    const client = createTRPCProxyClient({ transformer: superjson, links: [link] });
    const until = new Date("2026-06-01T00:00:00Z");
    const asked = calls.map(([name, input]) => client[name].mutate({ ...input, until }));
    const told = await Promise.allSettled(asked);
    console.log(JSON.stringify(told.map((one) => one.reason?.message ?? "done")));
  }
}

const [, , what, where] = process.argv;
({ serve: () => serve(Number(where)), call: () => call(where) })[what]();
