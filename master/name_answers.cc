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

bus::ListTrash::Reply answer(const MasterState& state, const bus::ListTrash& ask, WallMs now) {
  bus::ListTrash::Reply reply;
  reply.now_ms = now;
  const std::uint32_t limit = std::clamp<std::uint32_t>(ask.limit, 1, kPageMax);
  const Namespace& names = state.names();
  std::size_t bytes = 0;
  names.trash().walk(ask.after_ms, ask.after, [&](const TrashItem& item) {
    if (reply.items.size() == limit || bytes > kPageBytesMax) {
      reply.more = true;
      return false;
    }
    const Inode& inode = *names.inode(item.inode);
    bus::ListTrash::Item shown{
        .item = item.inode, .path = item.path, .type = inode.type, .removed_ms = item.removed, .until_ms = item.until};
    const bool file = inode.type == FileType::file;
    const Usage below = file ? Usage{.files = 1, .bytes = inode.size} : names.usage(item.inode);
    shown.files = below.files;
    shown.directories = below.directories + !file;
    shown.bytes = below.bytes;
    bytes += item.path.size();
    reply.items.push_back(std::move(shown));
    return true;
  });
  return reply;
}

}  // namespace gfs::master
