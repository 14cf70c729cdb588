#include "client_cli/cli/chunk_handle.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/decisions.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/server_choice.h"

namespace gfs::cli {

namespace {

using Servers = std::vector<bus::ServerInfo>;
using Repairs = bus::ListRepairs::Reply;

Result<bus::Explain> question(Session& session, const Arguments& arguments) {
  bus::Explain ask;
  const std::string& about = arguments[0];
  if (about != "not-replicating" && arguments.count() != 2)
    return fail(Code::invalid_argument, "why {}: which one? (why chunk HANDLE, why server SERVER)",
                escape_for_terminal(about));
  if (about == "not-replicating" && arguments.count() == 1) return ask;
  if (about == "chunk") {
    Result<ChunkHandle> handle = parse_handle(arguments[1]);
    if (!handle) return fail(std::move(handle));
    ask.handle = *handle;
    return ask;
  }
  if (about != "server")
    return fail(Code::invalid_argument, "why {}: chunk, server or not-replicating is wanted",
                escape_for_terminal(about));
  Result<Servers> servers = session.run<Servers>([](Filesystem& filesystem) { return filesystem.servers(); });
  if (!servers) return fail(std::move(servers));
  Result<bus::ServerInfo> server = choose_server(arguments[1], *servers);
  if (!server) return fail(std::move(server));
  ask.server = server->server;
  return ask;
}

// Why copies are not made: what holds all of them back, and what each waits for.
Result<std::vector<std::string>> not_replicating(Session& session) {
  Result<Repairs> repairs = session.run<Repairs>([](Filesystem& filesystem) { return filesystem.repairs(1000); });
  if (!repairs) return fail(std::move(repairs));
  std::vector<std::string> lines;
  if (repairs->known == 0) lines.push_back("nothing needs repair");
  if (!repairs->held_back.empty()) lines.push_back("all copies wait: " + repairs->held_back);
  std::map<std::string, std::uint64_t> reasons;
  for (const bus::ListRepairs::Repair& one : repairs->repairs)
    ++reasons[one.state == "waiting" ? one.why : one.state == "running" ? "it is being done" : "its turn comes"];
  for (const auto& [why, count] : reasons) lines.push_back(fmt::format("{} chunks: {}", count, why));
  return lines;
}

Result<int> run(Session& session, const Arguments& arguments) {
  Result<bus::Explain> ask = question(session, arguments);
  if (!ask) return fail(std::move(ask));
  Result<std::uint64_t> limit = arguments.number("limit", 50, 0, 1000);
  if (!limit) return fail(std::move(limit));
  ask->limit = static_cast<std::uint32_t>(*limit);
  using Reply = bus::Explain::Reply;
  Result<Reply> reply = session.run<Reply>([ask = *ask](Filesystem& filesystem) { return filesystem.explain(ask); });
  if (!reply) return fail(std::move(reply));
  if (arguments[0] == "not-replicating") {
    Result<std::vector<std::string>> lines = not_replicating(session);
    if (!lines) return fail(std::move(lines));
    reply->now = std::move(*lines);
  }
  print_explanation(session, *reply, {{"about", arguments[0]}});
  return kOk;
}

}  // namespace

const Command kWhy{
    .name = "why",
    .group = "Cluster",
    .usage = "chunk HANDLE|server SERVER|not-replicating [--limit N]",
    .summary = "how a chunk or a server stands, and what was decided about it lately",
    .help =
        "The master remembers its last decisions, some thousands of each kind, since it started: where a new chunk "
        "went\n"
        "and why, who left a chunk, what was copied, what waits. Newest first.\n"
        "Example: why chunk 0000000000000a2b",
    .options = {{0, "limit", "N", "decisions (default 50, at most 1000)"}},
    .arguments_min = 1,
    .arguments_max = 2,
    .run = run,
};

}  // namespace gfs::cli
