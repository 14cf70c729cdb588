#include "master/chunk_table.h"

#include <algorithm>

#include "base/check.h"
#include "master/chunk_record.h"
#include "master/op.h"

namespace gfs::master {

namespace {

ChunkHandle handle_in(std::string_view record) { return {ByteReader(record).varint()}; }

}  // namespace

std::string ChunkTable::place_record(ChunkHandle handle) {
  std::string record;
  put_varint(record, handle.value);
  return record;
}

Chunk ChunkTable::decode(std::string_view record) const {
  Chunk chunk;
  const Result<> decoded = decode_chunk(record, servers_.ids(), chunk);
  CHECK(decoded, "the table holds what it encoded");
  return chunk;
}

bool ChunkTable::put(ChunkHandle handle, const Chunk& chunk) {
  return chunks_.put(handle, encode_chunk(chunk, servers_));
}

std::optional<Chunk> ChunkTable::find(ChunkHandle handle) const {
  const std::optional<std::string_view> record = chunks_.find(handle);
  if (!record) return std::nullopt;
  return decode(*record);
}

ChunkHandle ChunkTable::at(InodeId inode, std::uint32_t index) const {
  const std::optional<std::string_view> record = files_.find({inode, index});
  return record ? handle_in(*record) : ChunkHandle{};
}

std::vector<ChunkHandle> ChunkTable::range(InodeId inode, std::uint32_t first, std::uint32_t count) const {
  std::vector<ChunkHandle> handles;
  const std::uint64_t end = std::uint64_t{first} + count;
  files_.walk({inode, first}, [&](Place place, std::string_view record) {
    if (place.inode != inode || place.index >= end) return false;
    handles.push_back(handle_in(record));
    return true;
  });
  return handles;
}

void ChunkTable::walk_file(InodeId inode, std::uint32_t first,
                           const std::function<bool(std::uint32_t, ChunkHandle)>& visit) const {
  files_.walk({inode, first}, [&](Place place, std::string_view record) {
    return place.inode == inode && visit(place.index, handle_in(record));
  });
}

void ChunkTable::walk(ChunkHandle after, const Visit& visit) const {
  if (after.next() < after) return;
  Chunk chunk;
  chunks_.walk(after.next(), [&](ChunkHandle handle, std::string_view record) {
    const Result<> decoded = decode_chunk(record, servers_.ids(), chunk);
    CHECK(decoded, "the table holds what it encoded");
    return visit(handle, chunk);
  });
}

void ChunkTable::add(ChunkHandle handle, const Chunk& chunk) {
  CHECK(handle.value != 0, "0 is no handle");
  bool fresh = chunk.inode.value == 0 || files_.put({chunk.inode, chunk.index}, place_record(handle));
  CHECK(fresh, "a file has one chunk at an index");
  fresh = put(handle, chunk);
  CHECK(fresh, "a handle is never used twice");
}

Result<> ChunkTable::reconfigure(ChunkHandle handle, Version from, Configuration next,
                                 const std::vector<ServerId>& over, bool next_version) {
  std::optional<Chunk> chunk = find(handle);
  if (!chunk) return fail(Code::not_found, "chunk {} does not exist", handle);
  Configuration& configuration = chunk->configuration;
  if (configuration.version != from) {
    return fail(Code::conflict, "chunk {} has version {}, not {}", handle, configuration.version, from);
  }
  next.version = next_version ? from.next() : from;
  next.virgin = configuration.virgin;
  // Of a virgin chunk nothing was acknowledged by anybody.
  if (!next.virgin) next.lone = std::move(configuration.lone);
  next.settled = configuration.settled;
  next.settled_members = std::move(configuration.settled_members);
  std::erase_if(next.lone, [&](ServerId one) { return std::find(over.begin(), over.end(), one) != over.end(); });
  const bool named = std::find(next.lone.begin(), next.lone.end(), next.primary) != next.lone.end();
  if (next.ack == bus::AckMode::primary && !named) next.lone.push_back(next.primary);
  configuration = std::move(next);
  put(handle, *chunk);
  return {};
}

Result<> ChunkTable::restore(const RestoreChunkOp& found) {
  std::optional<Chunk> chunk = find(found.handle);
  if (!chunk) return fail(Code::not_found, "chunk {} does not exist", found.handle);
  Configuration& configuration = chunk->configuration;
  if (configuration.version != found.from || found.version <= found.from) {
    return fail(Code::conflict, "chunk {} has version {}: it cannot go from {} to {}", found.handle,
                configuration.version, found.from, found.version);
  }
  configuration.version = found.version;
  if (!found.members.empty()) {
    configuration.members = found.members;
    configuration.primary = found.primary;
    configuration.virgin = false;
    configuration.joining.clear();
    configuration.salvage = false;
    // Whoever holds it holds all that was ever acknowledged, as if its activation stood in this log.
    configuration.settled = found.held;
    configuration.settled_members = found.members;
    // Each of them may have been the one that acknowledged alone.
    if (configuration.ack == bus::AckMode::primary) configuration.lone = found.members;
  }
  put(found.handle, *chunk);
  return {};
}

void ChunkTable::activated(ChunkHandle handle, Version version) {
  std::optional<Chunk> chunk = find(handle);
  if (!chunk || chunk->configuration.version != version) return;
  Configuration& configuration = chunk->configuration;
  configuration.virgin = false;
  configuration.joining.clear();
  configuration.salvage = false;
  configuration.settled = version;
  configuration.settled_members = configuration.members;
  configuration.lone = configuration.lone_when_active();
  put(handle, *chunk);
}

void ChunkTable::seal(ChunkHandle handle, std::uint64_t length) {
  std::optional<Chunk> chunk = find(handle);
  if (!chunk || chunk->sealed) return;
  chunk->sealed = true;
  chunk->sealed_length = length;
  put(handle, *chunk);
}

void ChunkTable::set_goal(ChunkHandle handle, std::uint32_t goal) {
  std::optional<Chunk> chunk = find(handle);
  if (!chunk || chunk->goal == goal) return;
  chunk->goal = goal;
  put(handle, *chunk);
}

void ChunkTable::cut(ChunkHandle handle, std::uint64_t length) {
  std::optional<Chunk> chunk = find(handle);
  if (!chunk || !chunk->sealed || chunk->sealed_length <= length) return;
  chunk->sealed_length = length;
  put(handle, *chunk);
}

ChunkTable::Dropped ChunkTable::drop(InodeId inode, std::uint32_t first) {
  std::vector<std::pair<Place, ChunkHandle>> behind;
  files_.walk({inode, first}, [&](Place place, std::string_view record) {
    if (place.inode == inode) behind.emplace_back(place, handle_in(record));
    return place.inode == inode;
  });
  Dropped dropped;
  dropped.places = behind.size();
  for (const auto& [place, handle] : behind) {
    Chunk chunk = *find(handle);
    if (!leave(place, handle, chunk)) continue;
    dropped.chunks.push_back({handle, chunk.configuration.version, std::move(chunk.configuration.members)});
  }
  return dropped;
}

bool ChunkTable::leave(Place place, ChunkHandle handle, Chunk& chunk) {
  files_.erase(place);
  (void)borrowed_.erase(place);
  if (--chunk.references == 0) {
    chunks_.erase(handle);
    return true;
  }
  if (chunk.inode == place.inode) chunk.inode = {};
  if (!chunk.shared()) chunk.frozen = {};
  put(handle, chunk);
  return false;
}

void ChunkTable::replace(ChunkHandle before, ChunkHandle handle, const Chunk& chunk) {
  std::optional<Chunk> left = find(before);
  CHECK(left && left->shared() && at(chunk.inode, chunk.index) == before, "what is replaced is there, and shared");
  (void)leave({chunk.inode, chunk.index}, before, *left);
  add(handle, chunk);
}

void ChunkTable::share(ChunkHandle handle, InodeId inode) {
  Chunk chunk;
  const bool there = chunks_.update(handle, [&](std::string_view record) {
    const Result<> decoded = decode_chunk(record, servers_.ids(), chunk);
    CHECK(decoded, "the table holds what it encoded");
    if (++chunk.references == 2) chunk.frozen = chunk.configuration.version;
    return encode_chunk(chunk, servers_);
  });
  CHECK(there, "what is shared is there");
  const std::string place = place_record(handle);
  const bool fresh = files_.put({inode, chunk.index}, place);
  CHECK(fresh, "a file has one chunk at an index");
  (void)borrowed_.put({inode, chunk.index}, place);
}

void ChunkTable::claim(ChunkHandle handle, InodeId inode, std::uint32_t goal) {
  std::optional<Chunk> chunk = find(handle);
  CHECK(chunk && chunk->references == 1 && at(inode, chunk->index) == handle, "the only one that has it claims it");
  if (chunk->inode == inode) return;
  chunk->goal = goal;
  (void)borrowed_.erase({inode, chunk->index});
  chunk->inode = inode;
  put(handle, *chunk);
}

void ChunkTable::walk_borrowed(const std::function<bool(InodeId, std::uint32_t, ChunkHandle)>& visit) const {
  borrowed_.walk(
      {}, [&](Place place, std::string_view record) { return visit(place.inode, place.index, handle_in(record)); });
}

std::uint32_t ChunkTable::end(InodeId inode) const {
  std::uint32_t end = 0;
  files_.walk_back({inode.next(), 0}, [&](Place last, std::string_view) {
    if (last.inode == inode) end = last.index + 1;
    return false;
  });
  return end;
}

ChunkHandle ChunkTable::sealed_before(InodeId inode, std::uint32_t index) const {
  ChunkHandle nearest;
  files_.walk_back({inode, index}, [&](Place place, std::string_view record) {
    if (place.inode != inode) return false;
    const ChunkHandle handle = handle_in(record);
    if (is_sealed(*chunks_.find(handle))) nearest = handle;
    return nearest.value == 0;
  });
  return nearest;
}

std::string ChunkTable::dump() const {
  std::string text;
  walk({}, [&](ChunkHandle handle, const Chunk& chunk) {
    const Configuration& configuration = chunk.configuration;
    text +=
        fmt::format("{} {}[{}] goal {} v{} primary {} virgin {} salvage {} ack {} sealed {} {}:", handle, chunk.inode,
                    chunk.index, chunk.goal, configuration.version, configuration.primary, configuration.virgin,
                    configuration.salvage, static_cast<int>(configuration.ack), chunk.sealed, chunk.sealed_length);
    for (ServerId member : configuration.members)
      text += fmt::format(" {}{}", member, configuration.joins(member) ? " (joining)" : "");
    for (ServerId one : configuration.lone) text += fmt::format(" lone {}", one);
    text += fmt::format(" settled v{}", configuration.settled);
    for (ServerId one : configuration.settled_members) text += fmt::format(" {}", one);
    if (chunk.references != 1) text += fmt::format(" references {} since v{}", chunk.references, chunk.frozen);
    text += "\n";
    return true;
  });
  walk_borrowed([&](InodeId inode, std::uint32_t index, ChunkHandle handle) {
    text += fmt::format("{}[{}] has {}\n", inode, index, handle);
    return true;
  });
  return text;
}

}  // namespace gfs::master
