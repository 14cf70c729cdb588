#include "master/chunk_table.h"

#include "master/little_endian.h"

#include <algorithm>
#include <iterator>

#include "base/check.h"

namespace gfs::master {

bool Configuration::has(ServerId server) const {
  return std::find(members.begin(), members.end(), server) != members.end();
}

bool Configuration::joins(ServerId server) const {
  return std::find(joining.begin(), joining.end(), server) != joining.end();
}

std::vector<ServerId> Configuration::lone_when_active() const {
  std::vector<ServerId> left;
  std::copy_if(lone.begin(), lone.end(), std::back_inserter(left), [this](ServerId one) { return !has(one); });
  if (ack == bus::AckMode::primary) left.push_back(primary);
  return left;
}

const Chunk* ChunkTable::find(ChunkHandle handle) const {
  auto found = chunks_.find(handle);
  return found == chunks_.end() ? nullptr : &found->second;
}

ChunkHandle ChunkTable::at(InodeId inode, std::uint32_t index) const {
  auto found = by_file_.find({inode, index});
  return found == by_file_.end() ? ChunkHandle{} : found->second;
}

std::vector<ChunkHandle> ChunkTable::range(InodeId inode, std::uint32_t first, std::uint32_t count) const {
  std::vector<ChunkHandle> handles;
  std::uint64_t end = std::uint64_t{first} + count;
  for (auto at = by_file_.lower_bound({inode, first}); at != by_file_.end(); ++at) {
    if (at->first.first != inode || at->first.second >= end) break;
    handles.push_back(at->second);
  }
  return handles;
}

void ChunkTable::add(ChunkHandle handle, Chunk chunk) {
  bool fresh = by_file_.emplace(std::pair{chunk.inode, chunk.index}, handle).second;
  CHECK(fresh, "a file has one chunk at an index");
  fresh = chunks_.emplace(handle, std::move(chunk)).second;
  CHECK(fresh, "a handle is never used twice");
}

Result<> ChunkTable::reconfigure(ChunkHandle handle, Version from, Configuration next,
                                 const std::vector<ServerId>& over, bool next_version) {
  auto found = chunks_.find(handle);
  if (found == chunks_.end()) return fail(Code::not_found, "chunk {} does not exist", handle);
  Configuration& configuration = found->second.configuration;
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
  return {};
}

void ChunkTable::activated(ChunkHandle handle, Version version) {
  auto found = chunks_.find(handle);
  if (found == chunks_.end() || found->second.configuration.version != version) return;
  found->second.configuration.virgin = false;
  found->second.configuration.joining.clear();
  found->second.configuration.salvage = false;
  found->second.configuration.settled = version;
  found->second.configuration.settled_members = found->second.configuration.members;
  found->second.configuration.lone = found->second.configuration.lone_when_active();
}

void ChunkTable::seal(ChunkHandle handle, std::uint64_t length) {
  auto found = chunks_.find(handle);
  if (found == chunks_.end() || found->second.sealed) return;
  found->second.sealed = true;
  found->second.sealed_length = length;
}

void ChunkTable::cut(ChunkHandle handle, std::uint64_t length) {
  auto found = chunks_.find(handle);
  if (found != chunks_.end() && found->second.sealed)
    found->second.sealed_length = std::min(found->second.sealed_length, length);
}

std::vector<DroppedChunk> ChunkTable::drop(InodeId inode, std::uint32_t first) {
  std::vector<DroppedChunk> dropped;
  auto at = by_file_.lower_bound({inode, first});
  while (at != by_file_.end() && at->first.first == inode) {
    auto chunk = chunks_.find(at->second);
    Configuration& configuration = chunk->second.configuration;
    dropped.push_back({at->second, configuration.version, std::move(configuration.members)});
    chunks_.erase(chunk);
    at = by_file_.erase(at);
  }
  return dropped;
}

std::uint32_t ChunkTable::end(InodeId inode) const {
  auto behind = by_file_.lower_bound({inode.next(), 0});
  if (behind == by_file_.begin() || std::prev(behind)->first.first != inode) return 0;
  return std::prev(behind)->first.second + 1;
}

ChunkHandle ChunkTable::sealed_before(InodeId inode, std::uint32_t index) const {
  auto at = by_file_.lower_bound({inode, index});
  while (at != by_file_.begin() && (--at)->first.first == inode) {
    if (chunks_.at(at->second).sealed) return at->second;
  }
  return {};
}

std::string ChunkTable::dump() const {
  std::string text;
  for (const auto& [handle, chunk] : chunks_) {
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
    text += "\n";
  }
  return text;
}


namespace {
void put_servers(std::string& piece, const std::vector<ServerId>& servers) {
  put(piece, static_cast<std::uint8_t>(servers.size()));
  for (const ServerId& server : servers) put_uuid(piece, server);
}
std::vector<ServerId> take_servers(Taker& taker) {
  std::vector<ServerId> servers(taker.number<std::uint8_t>());
  for (ServerId& server : servers) server = taker.uuid<ServerId>();
  return servers;
}
}  // namespace

ChunkTable::Frozen ChunkTable::freeze() const {
  Frozen frozen;
  frozen.chunks_ = chunks_;
  return frozen;
}

bool ChunkTable::Frozen::next(std::string& piece) {
  if (chunks_.empty()) return false;
  for (int i = 0; i < 64 && !chunks_.empty(); ++i) {
    const auto& [handle, chunk] = *chunks_.begin();
    put(piece, handle.value);
    put(piece, chunk.inode.value);
    put(piece, chunk.index);
    put(piece, chunk.goal);
    put(piece, static_cast<std::uint8_t>(chunk.sealed));
    put(piece, chunk.sealed_length);
    const Configuration& c = chunk.configuration;
    put(piece, c.version.value);
    put_servers(piece, c.members);
    put_uuid(piece, c.primary);
    put(piece, static_cast<std::uint8_t>(c.virgin));
    put_servers(piece, c.joining);
    put(piece, static_cast<std::uint8_t>(c.salvage));
    put(piece, static_cast<std::uint8_t>(c.ack));
    put_servers(piece, c.lone);
    put(piece, c.settled.value);
    put_servers(piece, c.settled_members);
    chunks_.erase(chunks_.begin());
  }
  return true;
}

Result<> ChunkTable::load(std::string_view piece) {
  Taker taker(piece);
  while (!taker.at_end()) {
    const ChunkHandle handle{taker.number<std::uint64_t>()};
    Chunk chunk;
    chunk.inode = InodeId{taker.number<std::uint64_t>()};
    chunk.index = taker.number<std::uint32_t>();
    chunk.goal = taker.number<std::uint32_t>();
    chunk.sealed = taker.number<std::uint8_t>() != 0;
    chunk.sealed_length = taker.number<std::uint64_t>();
    Configuration& c = chunk.configuration;
    c.version = Version{taker.number<decltype(c.version.value)>()};
    c.members = take_servers(taker);
    c.primary = taker.uuid<ServerId>();
    c.virgin = taker.number<std::uint8_t>() != 0;
    c.joining = take_servers(taker);
    c.salvage = taker.number<std::uint8_t>() != 0;
    c.ack = static_cast<bus::AckMode>(taker.number<std::uint8_t>());
    c.lone = take_servers(taker);
    c.settled = Version{taker.number<decltype(c.version.value)>()};
    c.settled_members = take_servers(taker);
    if (taker.failed()) return fail(Code::malformed, "chunks end in the middle of one");
    chunks_.emplace(handle, chunk);
    by_file_[{chunk.inode, chunk.index}] = handle;
  }
  return {};
}

}  // namespace gfs::master
