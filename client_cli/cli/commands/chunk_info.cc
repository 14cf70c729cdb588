#include "client_cli/cli/chunk_handle.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/file_json.h"
#include "client_cli/cli/table.h"

namespace gfs::cli {

namespace {

using Found = bus::FindChunk::Reply;
using Held = bus::InspectChunk::Reply;

struct Info {
  Found found;
  std::vector<Result<Held>> held;  // by member
};

Task<Info> look(Filesystem& filesystem, ChunkHandle handle) {
  Info info;
  info.found = co_await filesystem.find_chunk(handle);
  std::vector<Task<Held>> asking;
  for (const bus::ListChunks::Holder& member : info.found.chunk.members) {
    asking.push_back(filesystem.inspect(member.address, handle, false));
  }
  info.held = co_await all_of(std::move(asking));
  co_return info;
}

std::string marks(const Held& held) {
  std::string text;
  for (auto [is, name] : {std::pair{held.sealed, "sealed"}, {held.suspect, "suspect"}, {held.damaged, "damaged"}}) {
    if (is) text += (text.empty() ? "" : ",") + std::string(name);
  }
  return text.empty() ? "-" : text;
}

Json member_json(const bus::ListChunks::Holder& member, const Result<Held>& held) {
  Json json{{"server", member.server.text()},
            {"address", member.address},
            {"state", member.state},
            {"version", member.version.value},
            {"held", nullptr}};
  if (!held) return json;
  json["held"] = {{"version", held->version.value}, {"fence", held->fence.value}, {"serial", held->serial.value},
                  {"length", held->length},         {"sealed", held->sealed},     {"suspect", held->suspect},
                  {"damaged", held->damaged}};
  return json;
}

void print_json(Output& out, const Info& info) {
  const Found& found = info.found;
  Json joining = Json::array(), members = Json::array();
  for (const ServerId& server : found.joining) joining.push_back(server.text());
  for (std::size_t i = 0; i < info.held.size(); ++i) {
    members.push_back(member_json(found.chunk.members[i], info.held[i]));
  }
  Json json{{"handle", hex(found.chunk.handle)},
            {"inode", hex(found.inode)},
            {"index", found.chunk.index},
            {"version", found.chunk.version.value},
            {"length", found.chunk.length},
            {"sealed", found.chunk.sealed},
            {"primary", nullptr},
            {"goal", found.goal},
            {"active", found.active},
            {"virgin", found.virgin},
            {"ack", ack_text(found.ack)},
            {"joining", std::move(joining)},
            {"members", std::move(members)}};
  if (!found.chunk.primary.nil()) json["primary"] = found.chunk.primary.text();
  out.object(std::move(json));
}

void print_text(Output& out, const Info& info) {
  const Found& found = info.found;
  auto yes = [](bool is) { return std::string(is ? "yes" : "no"); };
  std::vector<std::string> joining;
  for (const ServerId& server : found.joining) joining.push_back(server.text());
  print_fields(out, {{"handle", hex(found.chunk.handle)},
                     {"inode", hex(found.inode)},
                     {"index", std::to_string(found.chunk.index)},
                     {"version", std::to_string(found.chunk.version.value)},
                     {"active", yes(found.active)},
                     {"virgin", yes(found.virgin)},
                     {"length", std::to_string(found.chunk.length)},
                     {"sealed", yes(found.chunk.sealed)},
                     {"ack", std::string(ack_text(found.ack))},
                     {"goal", std::to_string(found.goal)},
                     {"joining", joining.empty() ? "-" : fmt::format("{}", fmt::join(joining, " "))}});
  Table table({"MEMBER (* PRIMARY)", "STATE", ">VERSION", ">SERIAL", ">LENGTH", "MARKS"});
  for (std::size_t i = 0; i < info.held.size(); ++i) {
    const bus::ListChunks::Holder& member = found.chunk.members[i];
    std::string name = out.name(member.address) + (member.server == found.chunk.primary ? "*" : "");
    const Result<Held>& held = info.held[i];
    if (held) {
      table.add({name, member.state, std::to_string(held->version.value), std::to_string(held->serial.value),
                 std::to_string(held->length), marks(*held)});
    } else {
      table.add({name, member.state, "-", "-", "-", name_of(held.error().code)});
    }
  }
  if (!info.held.empty()) table.print(out);
}

Result<int> run(Session& session, const Arguments& arguments) {
  Result<ChunkHandle> handle = parse_handle(arguments[0]);
  if (!handle) return fail(std::move(handle));
  Result<Info> info =
      session.run<Info>([handle = *handle](Filesystem& filesystem) { return look(filesystem, handle); });
  if (!info) return fail(std::move(info));
  session.out().json() ? print_json(session.out(), *info) : print_text(session.out(), *info);
  return kOk;
}

}  // namespace

const Command kChunkInfo{
    .name = "chunk info",
    .group = "Cluster",
    .usage = "HANDLE",
    .summary = "tells all about a chunk, and what each member holds of it",
    .help =
        "The members' own words stand beside the master's; a member that does not answer is named with the error.\n"
        "Example: chunk info 00000000000000a1",
    .options = {},
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};

}  // namespace gfs::cli
