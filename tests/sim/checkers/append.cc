#include "tests/sim/checkers/append.h"

#include <fmt/format.h>

#include <set>

#include "tests/sim/checkers/replicas.h"

namespace gfs::sim {

namespace {

const std::string kName = "append";

// Whether somebody wrote this record, and may have.
bool known(History& history, const AppendHistory& appends, std::size_t file, const Placed& placed) {
  const std::string where = fmt::format("{} at {}", append_path(file), placed.offset);
  auto op = appends.ops.find(placed.name);
  if (op == appends.ops.end() || placed.name.file != file || op->second.size != placed.size) {
    history.found(
        kName, fmt::format("{} holds {} of {} bytes, which nobody appended", where, placed.name.text(), placed.size));
    return false;
  }
  if (op->second.fate == Fate::failed) {
    history.found(kName, fmt::format("{} holds {}, said not to have happened", where, placed.name.text()));
  }
  if (op->second.fate == Fate::ok && op->second.offset != placed.offset) {
    history.found(kName, fmt::format("{} holds {}, acknowledged at {}", where, placed.name.text(), op->second.offset));
  }
  return true;
}

// One member's chunk from `from` on.
Task<std::string> read_to_end(bus::Endpoint& endpoint, std::string address, ChunkHandle handle, Version version,
                              std::uint64_t from, std::uint64_t chunk_size) {
  std::string out;
  while (true) {
    bus::ReadChunk ask;
    ask.handle = handle;
    ask.version = version;
    ask.offset = from + out.size();
    ask.size = 1 << 20;
    if (ask.offset >= chunk_size) co_return out;
    ask.size = std::min(ask.size, chunk_size - ask.offset);
    bus::ReadChunk::Reply reply = co_await read_member(endpoint, address, std::move(ask));
    out += reply.payload.view();
    if (from + out.size() >= reply.length || reply.payload.empty()) co_return out;
  }
}

}  // namespace

void check_seen(History& history, AppendHistory& appends, std::size_t file, const Parsed& parsed) {
  if (!parsed.wrong.empty()) {
    history.found(kName, fmt::format("a reader finds in {} at {} {}", append_path(file), parsed.end, parsed.wrong));
  }
  for (const Placed& placed : parsed.records) {
    if (!known(history, appends, file, placed)) continue;
    auto [seen, first] = appends.seen.emplace(placed.name, placed.offset);
    if (!first && seen->second != placed.offset) {
      history.found(kName, fmt::format("{} was seen at {} and at {}", placed.name.text(), seen->second, placed.offset));
    }
  }
}

void judge_appends(History& history, const AppendHistory& appends, std::size_t file, const std::vector<Placed>& found) {
  std::map<RecordName, std::uint64_t> at;
  std::map<std::uint64_t, RecordName> last;  // by stream
  for (const Placed& placed : found) {
    if (!known(history, appends, file, placed)) continue;
    auto [other, once] = at.emplace(placed.name, placed.offset);
    if (!once) {
      history.found(kName,
                    fmt::format("{} is there twice: at {} and {}", placed.name.text(), other->second, placed.offset));
      continue;
    }
    const std::uint64_t stream = appends.ops.at(placed.name).stream;
    auto [before, first] = last.emplace(stream, placed.name);
    if (!first && before->second.number > placed.name.number) {
      history.found(kName, fmt::format("{} at {} lies behind record {} of the same stream", placed.name.text(),
                                       placed.offset, before->second.number));
    }
    before->second = placed.name;
  }
  for (const auto& [name, op] : appends.ops) {
    if (name.file != file || op.fate != Fate::ok || at.contains(name)) continue;
    history.found(kName, fmt::format("{}, acknowledged at {} at {:.6f} s, is not there", name.text(), op.offset,
                                     to_seconds(op.ended.time_since_epoch())));
  }
  for (const auto& [name, offset] : appends.seen) {
    if (name.file != file || at.contains(name)) continue;
    history.found(kName, fmt::format("{} was seen at {} and is gone", name.text(), offset));
  }
}

Task<> check_append_file(History& history, const AppendHistory& appends, bus::Endpoint& endpoint, std::size_t file,
                         std::vector<bus::ListChunks::Chunk> chunks) {
  std::vector<Placed> found;
  for (const bus::ListChunks::Chunk& chunk : chunks) {
    const std::uint64_t base = chunk.index * appends.chunk_size;
    const std::uint64_t from = std::max(base, appends.starts[file]) - base;
    std::string first;
    std::string first_name;
    for (const bus::ListChunks::Holder& holder : members_of(chunk)) {
      const std::string where = fmt::format("{} chunk {} of {}", append_path(file), chunk.handle, holder.address);
      Result<std::string> bytes =
          co_await read_to_end(endpoint, holder.address, chunk.handle, chunk.version, from, appends.chunk_size)
              .outcome();
      if (!bytes) {
        // Nobody tells it what is committed until the chunk is used again; what it holds is check_equal's business.
        const bool waits = bytes.error().code == Code::unavailable;
        if (!waits) history.found(kName, where + " cannot be read: " + bytes.error().text());
        continue;
      }
      if (first_name.empty()) {
        first_name = holder.address;
        first = std::move(*bytes);
      } else if (*bytes != first) {
        history.found(kName, where + " differs from " + first_name);
      }
    }
    if (first_name.empty()) {
      history.found(kName, fmt::format("{} chunk {} can be read of nobody", append_path(file), chunk.handle));
    }
    Parsed parsed = parse_records(first, base + from, appends.chunk_size);
    if (parsed.wrong.empty() && parsed.end < base + from + first.size()) parsed.wrong = "a record cut short";
    if (!parsed.wrong.empty()) {
      history.found(kName, fmt::format("{} holds at {} {}", append_path(file), parsed.end, parsed.wrong));
    }
    found.insert(found.end(), parsed.records.begin(), parsed.records.end());
  }
  judge_appends(history, appends, file, found);
}

}  // namespace gfs::sim
