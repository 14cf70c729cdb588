#include "master/name_answers.h"

#include <algorithm>

#include "master/path.h"

namespace gfs::master {

namespace {

constexpr std::uint32_t kPageMax = 1000;
constexpr std::size_t kPageBytesMax = 512 << 10;  // of paths: a page must fit into a frame

}  // namespace

Result<bus::FileInfo> answer(const MasterState& state, bus::Stat ask) {
  Result<InodeId> inode = state.names().find(ask.path);
  if (!inode) return fail(std::move(inode));
  return state.info(*inode, std::move(ask.path));
}

Result<bus::Exists::Reply> answer(const MasterState& state, const bus::Exists& ask) {
  Result<InodeId> found = state.names().find(ask.path);
  bus::Exists::Reply reply;
  if (found) {
    reply.exists = true;
    reply.type = state.names().inode(*found)->type;
  } else if (found.error().code != Code::not_found && found.error().code != Code::not_a_directory) {
    return fail(std::move(found));
  }
  return reply;
}

Result<bus::List::Reply> answer(const MasterState& state, bus::List ask) {
  Result<InodeId> directory = state.names().find(ask.path);
  if (!directory) return fail(std::move(directory));
  bus::List::Reply reply;
  if (state.names().inode(*directory)->type == FileType::file) {
    if (ask.after.empty()) reply.entries.push_back(state.info(*directory, std::move(ask.path)));
    return reply;
  }
  const std::uint32_t limit = std::clamp<std::uint32_t>(ask.limit, 1, kPageMax);
  std::size_t bytes = 0;
  state.names().list(*directory, ask.after, [&](std::string_view name, InodeId inode) {
    if (reply.entries.size() == limit || bytes > kPageBytesMax) {
      reply.more = true;
      return false;
    }
    reply.entries.push_back(state.info(inode, join_path(ask.path, name)));
    bytes += reply.entries.back().path.size();
    return true;
  });
  return reply;
}

}  // namespace gfs::master
