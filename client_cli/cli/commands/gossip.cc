#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/server_choice.h"
#include "client_cli/cli/table.h"

namespace gfs::cli {

namespace {

using Page = bus::ListMembers::Reply;
using Servers = std::vector<bus::ServerInfo>;

std::string_view name_of(bus::MemberStatus status) {
  switch (status) {
    case bus::MemberStatus::alive:
      return "alive";
    case bus::MemberStatus::suspect:
      return "suspect";
    case bus::MemberStatus::dead:
      return "dead";
    case bus::MemberStatus::left:
      return "left";
  }
  return "unknown";
}

std::string_view name_of(bus::Verdict verdict) {
  switch (verdict) {
    case bus::Verdict::none:
      return "-";
    case bus::Verdict::lost:
      return "lost";
    case bus::Verdict::back:
      return "back";
    case bus::Verdict::drained:
      return "drained";
  }
  return "unknown";
}

void show(Output& out, Table& table, const bus::ListMembers::Row& row, bool self, std::uint32_t health) {
  const bus::MemberRecord& member = row.member;
  const std::string_view role = member.role == bus::kMaster ? "master" : "chunkserver";
  if (out.json()) {
    Json json{{"node", member.node.text()},
              {"role", role},
              {"status", name_of(member.status)},
              {"incarnation", member.incarnation},
              {"timestamp", member.stamp},
              {"load", member.load},
              {"used", member.used},
              {"free", member.free},
              {"rack", member.rack},
              {"address", member.address},
              {"program", member.program},
              {"verdict", name_of(member.verdict)},
              {"accusers", row.accusers},
              {"self", self},
              {"heard_ms", row.heard_ms},
              {"fresh_ms", row.fresh_ms},
              {"status_ms", row.status_ms}};
    if (self) json["health"] = health;
    out.object(std::move(json));
    return;
  }
  const bool human = out.to_terminal();
  const bool alive = member.status == bus::MemberStatus::alive;
  const Output::Color color = alive                                         ? Output::Color::good
                              : member.status == bus::MemberStatus::suspect ? Output::Color::warning
                                                                            : Output::Color::bad;
  auto size = [human](std::uint64_t bytes) { return human ? format_size(bytes) : std::to_string(bytes); };
  std::string fresh = std::to_string(row.fresh_ms);
  if (human) fresh = self ? "itself" : format_duration(std::chrono::milliseconds(row.fresh_ms)) + " ago";
  table.add({member.node.text(), std::string(role), out.colored(color, name_of(member.status)),
             std::to_string(member.incarnation), fresh, std::to_string(member.load), size(member.used),
             size(member.free), std::string(name_of(member.verdict)), out.name(member.rack), out.name(member.address)});
}

Result<bus::Address> address_of(Session& session, const Arguments& arguments) {
  if (arguments.count() == 0) return bus::Address();
  Result<Servers> servers = session.run<Servers>([](Filesystem& filesystem) { return filesystem.servers(); });
  if (!servers) return fail(std::move(servers));
  Result<bus::ServerInfo> server = choose_server(arguments[0], *servers);
  if (!server) return fail(std::move(server));
  return server->address;
}

Result<int> run(Session& session, const Arguments& arguments) {
  Output& out = session.out();
  Result<bus::Address> of = address_of(session, arguments);
  if (!of) return fail(std::move(of));
  Table table(
      {"NODE", "ROLE", "STATUS", ">INCARNATION", ">NEWS", ">LOAD", ">USED", ">FREE", "VERDICT", "RACK", "ADDRESS"});
  bus::ListMembers ask;
  for (bool first = true;; first = false) {
    auto list = [&](Filesystem& filesystem) { return filesystem.members(*of, ask); };
    Result<Page> page = session.run<Page>(list);
    if (!page) return fail(std::move(page));
    if (first) show(out, table, {page->self, 0, 0, 0, 0}, true, page->health);
    for (const bus::ListMembers::Row& row : page->rows) show(out, table, row, false, 0);
    if (!page->more || page->rows.empty()) break;
    ask.after = page->rows.back().member.node;
  }
  table.print(out);
  return kOk;
}

}  // namespace

const Command kGossip{
    .name = "gossip",
    .group = "Cluster",
    .usage = "[SERVER]",
    .summary = "who is alive, as the master, or one of the chunkservers, hears from the others",
    .help =
        "SERVER: its id, four or more of its first digits, or its address; without: the master. STATUS is what the "
        "members\n"
        "believe among themselves, VERDICT what the master decided. NEWS: so long ago the member said something new, "
        "to\n"
        "whomever. LOAD: requests in the last second. In a pipe: tab-separated, bytes and milliseconds.\n"
        "Example: gossip",
    .options = {},
    .arguments_min = 0,
    .arguments_max = 1,
    .run = run,
};

}  // namespace gfs::cli
