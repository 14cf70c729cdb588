// scrub status|start|pause|resume.
#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/server_choice.h"
#include "client_cli/cli/table.h"

namespace gfs::cli {

namespace {

using Servers = std::vector<bus::ServerInfo>;
using Status = bus::ScrubStatus::Reply;

// The one that is named, or all.
Result<Servers> chosen(Session& session, const Arguments& arguments) {
  Result<Servers> servers = session.run<Servers>([](Filesystem& filesystem) { return filesystem.servers(); });
  if (!servers || arguments.count() == 0 || arguments[0] == "all") return servers;
  Result<bus::ServerInfo> one = choose_server(arguments[0], *servers);
  if (!one) return fail(std::move(one));
  return Servers{*one};
}

Task<std::vector<Result<Status>>> ask_all(Filesystem& filesystem, Servers servers) {
  std::vector<Task<Status>> asking;
  for (const bus::ServerInfo& one : servers) asking.push_back(filesystem.scrub_status(one.address));
  co_return co_await all_of(std::move(asking));
}

Json as_json(const bus::ServerInfo& server, const Status& s) {
  return {{"server", server.server.text()},
          {"off", s.off},
          {"paused", s.paused},
          {"hurried", s.hurried},
          {"begun_ms", s.begun_ms},
          {"chunks", s.chunks},
          {"bytes", s.bytes},
          {"bad", s.bad},
          {"differing", s.differing},
          {"chunks_held", s.chunks_held},
          {"bytes_held", s.bytes_held},
          {"rate", s.rate},
          {"ended_ms", s.ended_ms},
          {"last_bad", s.last_bad},
          {"last_differing", s.last_differing}};
}

std::string state_of(const Status& s) {
  if (s.off) return "off";
  if (s.paused) return "paused";
  if (s.begun_ms == 0) return "waiting";
  return s.hurried ? "hurried" : "running";
}

std::string date_of(std::int64_t ms) { return ms == 0 ? "never" : format_wall(ms); }

Result<int> status(Session& session, const Arguments& arguments) {
  Result<Servers> servers = chosen(session, arguments);
  if (!servers) return fail(std::move(servers));
  using All = std::vector<Result<Status>>;
  Result<All> all =
      session.run<All>([servers = *servers](Filesystem& filesystem) { return ask_all(filesystem, servers); });
  if (!all) return fail(std::move(all));
  Output& out = session.out();
  Table table({"SERVER", "STATE", ">CHUNKS", ">OF", ">BYTES", ">RATE", ">BAD", ">DIFFERING", "LAST"});
  bool partly = false;
  for (std::size_t i = 0; i < servers->size(); ++i) {
    const bus::ServerInfo& server = (*servers)[i];
    if (!(*all)[i]) {
      partly = true;
      out.note(fmt::format("server {}: {}", server.server, (*all)[i].error().message));
      continue;
    }
    const Status& s = *(*all)[i];
    if (out.json()) {
      out.object(as_json(server, s));
      continue;
    }
    const bool human = out.to_terminal();
    table.add({server.server.text(), state_of(s), std::to_string(s.chunks), std::to_string(s.chunks_held),
               human ? format_size(s.bytes) : std::to_string(s.bytes),
               human ? format_size(s.rate) + "/s" : std::to_string(s.rate), std::to_string(s.bad),
               std::to_string(s.differing), human ? date_of(s.ended_ms) : std::to_string(s.ended_ms)});
  }
  if (!out.json()) table.print(out);
  return partly ? kPartly : kOk;
}

Result<int> order(Session& session, const Arguments& arguments, bus::ScrubOrder what) {
  Result<Servers> servers = chosen(session, arguments);
  if (!servers) return fail(std::move(servers));
  std::size_t done = 0;
  std::optional<Error> failed;
  for (const bus::ServerInfo& server : *servers) {
    Result<> one = session.run<void>(
        [address = server.address, what](Filesystem& filesystem) { return filesystem.control_scrub(address, what); });
    if (one) {
      ++done;
    } else {
      session.out().note(fmt::format("server {}: {}", server.server, one.error().message));
      failed = std::move(one).error();
    }
  }
  if (done == 0 && failed) return fail(std::move(*failed));
  if (session.out().json()) session.out().object({{"servers", done}});
  return failed ? kPartly : kOk;
}

Result<int> start(Session& session, const Arguments& arguments) {
  return order(session, arguments, bus::ScrubOrder::start);
}
Result<int> pause(Session& session, const Arguments& arguments) {
  return order(session, arguments, bus::ScrubOrder::pause);
}
Result<int> resume(Session& session, const Arguments& arguments) {
  return order(session, arguments, bus::ScrubOrder::resume);
}

}  // namespace

const Command kScrubStatus{
    .name = "scrub status",
    .group = "Cluster",
    .usage = "[SERVER|all]",
    .summary = "how far chunkservers have read through what they keep, and what they found",
    .help =
        "Every server reads everything once in 14 days. BAD: replicas with a block that does not match its checksum;\n"
        "DIFFERING: sound, but other than the other replicas. Both are replaced by good ones (repair ls). LAST: when "
        "the\n"
        "last pass ended.\n"
        "Example: scrub status",
    .options = {},
    .arguments_min = 0,
    .arguments_max = 1,
    .run = status,
};

const Command kScrubStart{
    .name = "scrub start",
    .group = "Cluster",
    .usage = "[SERVER|all]",
    .summary = "chunkservers read everything now, as fast as they may",
    .help = "From the beginning, at the servers' scrub_rate.\nExample: scrub start",
    .options = {},
    .arguments_min = 0,
    .arguments_max = 1,
    .run = start,
};

const Command kScrubPause{
    .name = "scrub pause",
    .group = "Cluster",
    .usage = "[SERVER|all]",
    .summary = "no scrubbing until scrub resume, also over a restart",
    .help = "Example: scrub pause all",
    .options = {},
    .arguments_min = 0,
    .arguments_max = 1,
    .run = pause,
};

const Command kScrubResume{
    .name = "scrub resume",
    .group = "Cluster",
    .usage = "[SERVER|all]",
    .summary = "scrubbing goes on where it was",
    .help = "Example: scrub resume all",
    .options = {},
    .arguments_min = 0,
    .arguments_max = 1,
    .run = resume,
};

}  // namespace gfs::cli
