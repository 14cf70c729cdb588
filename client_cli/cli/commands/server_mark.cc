// The words an operator has for a server: drain, undrain, maint, replace, forget.
#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/request_option.h"
#include "client_cli/cli/server_choice.h"

namespace gfs::cli {

namespace {

using Servers = std::vector<bus::ServerInfo>;

constexpr Duration kMaintMax = 30 * 24h;

Result<bus::ServerInfo> chosen(Session& session, const std::string& named) {
  Result<Servers> servers = session.run<Servers>([](Filesystem& filesystem) { return filesystem.servers(); });
  if (!servers) return fail(std::move(servers));
  return choose_server(named, *servers);
}

Result<int> mark(Session& session, const Arguments& arguments, bus::MarkServer ask, Json json) {
  Result<bus::ServerInfo> server = chosen(session, arguments[0]);
  if (!server) return fail(std::move(server));
  ask.server = server->server;
  auto work = [ask](Filesystem& filesystem) { return filesystem.mark_server(ask); };
  Result<> done = mutate<void>(session, arguments, 1, work);
  if (!done) return fail(std::move(done));
  json["server"] = ask.server.text();
  tell_mutation(session, arguments, std::move(json));
  return kOk;
}

Result<int> drain(Session& session, const Arguments& arguments) {
  return mark(session, arguments, {.mark = bus::ServerMark::drain}, {{"mark", "drain"}});
}

Result<int> undrain(Session& session, const Arguments& arguments) {
  return mark(session, arguments, {.mark = bus::ServerMark::none}, {{"mark", "none"}});
}

Result<int> maint(Session& session, const Arguments& arguments) {
  if (arguments.has("end")) {
    Result<bus::ServerInfo> server = chosen(session, arguments[0]);
    if (!server) return fail(std::move(server));
    if (server->state == "drain")
      return fail(Code::conflict, "server {} drains: server undrain takes that back", server->server);
    return undrain(session, arguments);
  }
  Result<Duration> time = parse_duration(arguments.value("for", "30min"));
  if (!time || *time < 1s || *time > kMaintMax)
    return fail(Code::invalid_argument, "--for: a time up to 30d, as 30min");
  bus::MarkServer ask{.mark = bus::ServerMark::maint, .for_ms = static_cast<std::uint64_t>(to_ms(*time))};
  return mark(session, arguments, ask, {{"mark", "maint"}, {"for_ms", ask.for_ms}});
}

Result<int> replace(Session& session, const Arguments& arguments) {
  Result<bus::ServerInfo> successor = chosen(session, arguments[1]);
  if (!successor) return fail(std::move(successor));
  bus::MarkServer ask{.mark = bus::ServerMark::drain, .successor = successor->server};
  return mark(session, arguments, ask, {{"mark", "drain"}, {"successor", successor->server.text()}});
}

Result<int> forget(Session& session, const Arguments& arguments) {
  Result<bus::ServerInfo> server = chosen(session, arguments[0]);
  if (!server) return fail(std::move(server));
  auto work = [id = server->server](Filesystem& filesystem) { return filesystem.forget_server(id); };
  Result<> done = mutate<void>(session, arguments, 1, work);
  if (!done) return fail(std::move(done));
  tell_mutation(session, arguments, {{"server", server->server.text()}});
  return kOk;
}

}  // namespace

const Command kServerDrain{
    .name = "server drain",
    .group = "Cluster",
    .usage = "SERVER",
    .summary = "has a server's chunks copied elsewhere, so that it can go",
    .help =
        "It gets no new chunks; each of its chunks gets another member first, and leaves it then. Reads and writes go "
        "on.\n"
        "server ok-to-stop says when nothing is on it any more; server undrain takes it back.\n"
        "Example: server drain 3f2a",
    .options = with_request_options(),
    .arguments_min = 1,
    .arguments_max = 1,
    .run = drain,
};

const Command kServerUndrain{
    .name = "server undrain",
    .group = "Cluster",
    .usage = "SERVER",
    .summary = "takes back what was said of a server: drain, maint, replace",
    .help = "What has left it does not come back by itself.\nExample: server undrain 3f2a",
    .options = with_request_options(),
    .arguments_min = 1,
    .arguments_max = 1,
    .run = undrain,
};

const Command kServerMaint{
    .name = "server maint",
    .group = "Cluster",
    .usage = "SERVER [--for TIME|--end]",
    .summary = "a server may be away for a while: nobody makes up for it",
    .help =
        "For 30 minutes if --for says nothing else. Chunks that are down to one replica are copied all the same. It "
        "gets no\n"
        "new chunks meanwhile. A server that was stopped cleanly is waited for 10 minutes without a word.\n"
        "Example: server maint 3f2a --for 2h",
    .options = with_request_options(
        {{0, "for", "TIME", "so long (default 30min, at most 30d)"}, {0, "end", "", "it is over"}}),
    .arguments_min = 1,
    .arguments_max = 1,
    .run = maint,
};

const Command kServerReplace{
    .name = "server replace",
    .group = "Cluster",
    .usage = "OLD NEW",
    .summary = "drains a server, its chunks go to another one as far as it can take them",
    .help = "As server drain otherwise.\nExample: server replace 3f2a 90b1",
    .options = with_request_options(),
    .arguments_min = 2,
    .arguments_max = 2,
    .run = replace,
};

const Command kServerForget{
    .name = "server forget",
    .group = "Cluster",
    .usage = "SERVER",
    .summary = "a server that is gone for good is not known any more",
    .help =
        "Only one that is lost or was stopped, and that no chunk counts on. If it comes back it is a new one.\n"
        "Example: server forget 3f2a",
    .options = with_request_options(),
    .arguments_min = 1,
    .arguments_max = 1,
    .run = forget,
};

}  // namespace gfs::cli
