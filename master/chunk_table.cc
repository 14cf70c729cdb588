#include "master/chunk_table.h"

#include <algorithm>

#include "base/check.h"

namespace gfs::master {

bool Configuration::has(ServerId server) const {
  return std::find(members.begin(), members.end(), server) != members.end();
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

Result<> ChunkTable::reconfigure(ChunkHandle handle, Version from, std::vector<ServerId> members, ServerId primary) {
  auto found = chunks_.find(handle);
  if (found == chunks_.end()) return fail(Code::not_found, "chunk {} does not exist", handle);
  Configuration& configuration = found->second.configuration;
  if (configuration.version != from) {
    return fail(Code::conflict, "chunk {} has version {}, not {}", handle, configuration.version, from);
  }
  configuration.version = from.next();
  configuration.members = std::move(members);
  configuration.primary = primary;
  return {};
}

void ChunkTable::activated(ChunkHandle handle, Version version) {
  auto found = chunks_.find(handle);
  if (found != chunks_.end() && found->second.configuration.version == version)
    found->second.configuration.virgin = false;
}

void ChunkTable::drop_file(InodeId inode) {
  auto at = by_file_.lower_bound({inode, 0});
  while (at != by_file_.end() && at->first.first == inode) {
    chunks_.erase(at->second);
    at = by_file_.erase(at);
  }
}

std::string ChunkTable::dump() const {
  std::string text;
  for (const auto& [handle, chunk] : chunks_) {
    text += fmt::format("{} {}[{}] goal {} v{} primary {} virgin {}:", handle, chunk.inode, chunk.index, chunk.goal,
                        chunk.configuration.version, chunk.configuration.primary, chunk.configuration.virgin);
    for (ServerId member : chunk.configuration.members) text += " " + member.text();
    text += "\n";
  }
  return text;
}

}  // namespace gfs::master
