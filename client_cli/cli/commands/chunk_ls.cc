#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/table.h"

namespace gfs::cli {

namespace {

using Chunk = bus::ListChunks::Chunk;

Json as_json(const std::string& path, const Chunk& chunk) {
  Json members = Json::array();
  for (const bus::ListChunks::Holder& holder : chunk.members) {
    members.push_back({{"server", holder.server.text()},
                       {"address", holder.address},
                       {"state", holder.state},
                       {"version", holder.version.value}});
  }
  Json json{{"path", path},
            {"index", chunk.index},
            {"handle", hex(chunk.handle)},
            {"version", chunk.version.value},
            {"length", chunk.length},
            {"sealed", chunk.sealed},
            {"primary", nullptr},
            {"members", std::move(members)}};
  if (!chunk.primary.nil()) json["primary"] = chunk.primary.text();
  return json;
}

Result<int> run(Session& session, const Arguments& arguments) {
  Output& out = session.out();
  Result<std::string> path = session.path(arguments[0]);
  if (!path) return fail(std::move(path));
  auto ask = [path = *path](Filesystem& filesystem) { return filesystem.chunks(path); };
  Result<std::vector<Chunk>> chunks = session.run<std::vector<Chunk>>(ask);
  if (!chunks) return fail(std::move(chunks));
  Table table({">INDEX", "HANDLE", ">VERSION", ">LENGTH", "SEALED", "MEMBERS (* PRIMARY)"});
  for (const Chunk& chunk : *chunks) {
    if (out.json()) {
      out.object(as_json(*path, chunk));
      continue;
    }
    std::vector<std::string> members;
    for (const bus::ListChunks::Holder& holder : chunk.members) {
      std::string member = out.name(holder.address) + (holder.server == chunk.primary ? "*" : "");
      bool well = holder.state == "ok";
      members.push_back(well ? member
                             : out.colored(Output::Color::warning, fmt::format("{} ({})", member, holder.state)));
    }
    table.add({std::to_string(chunk.index), hex(chunk.handle), std::to_string(chunk.version.value),
               std::to_string(chunk.length), chunk.sealed ? "yes" : "no", fmt::format("{}", fmt::join(members, " "))});
  }
  if (!chunks->empty()) table.print(out);
  return kOk;
}

}  // namespace

const Command kChunkLs{
    .name = "chunk ls",
    .group = "Cluster",
    .usage = "PATH",
    .summary = "lists a file's chunks and who holds them",
    .help = "Chunks that were never written are left out: they read as zeros.\nExample: chunk ls /logs/today",
    .options = {},
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};

}  // namespace gfs::cli
