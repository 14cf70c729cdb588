#include "master/file_service.h"

#include "master/path.h"

namespace gfs::master {

namespace {

constexpr std::uint32_t kReplicasMax = 8;
constexpr std::uint32_t kPageMax = 1000;
constexpr std::size_t kPageBytesMax = 512 << 10;  // of paths: a page must fit into a frame

}  // namespace

void FileService::serve(bus::Endpoint& endpoint) {
  endpoint.serve<&FileService::create>(*this);
  endpoint.serve<&FileService::make_directory>(*this);
  endpoint.serve<&FileService::stat>(*this);
  endpoint.serve<&FileService::exists>(*this);
  endpoint.serve<&FileService::list>(*this);
  endpoint.serve<&FileService::rename>(*this);
  endpoint.serve<&FileService::remove>(*this);
  endpoint.serve<&FileService::set_size>(*this);
  endpoint.serve<&FileService::close_client>(*this);
}

Task<bus::FileInfo> FileService::create(bus::CreateFile ask, bus::Caller caller) {
  if (ask.replicas > kReplicasMax) {
    co_await fail(Code::invalid_argument, "{} replicas: at most {} are possible", ask.replicas, kReplicasMax);
  }
  // A repeat may come to a master that was started with another default: only what was asked has to be the same.
  CreateFileOp op{ask.path, ask.replicas};
  const std::uint32_t digest = digest_of(op);
  op.unasked = op.replicas == 0;
  if (op.unasked) op.replicas = defaults_.replicas;
  Decision made = co_await journal_.commit(std::move(op), caller.request, digest, caller.index);
  made.info.path = std::move(ask.path);
  co_return std::move(made.info);
}

Task<bus::FileInfo> FileService::make_directory(bus::MakeDirectory ask, bus::Caller caller) {
  MakeDirectoryOp op{ask.path, ask.parents};
  Decision made = co_await journal_.commit(std::move(op), caller.request, 0, caller.index);
  made.info.path = std::move(ask.path);
  co_return std::move(made.info);
}

Task<bus::FileInfo> FileService::stat(bus::Stat ask, bus::Caller) {
  InodeId inode = co_await state_.names().find(ask.path);
  co_return state_.info(inode, std::move(ask.path));
}

Task<bus::Exists::Reply> FileService::exists(bus::Exists ask, bus::Caller) {
  Result<InodeId> found = state_.names().find(ask.path);
  bus::Exists::Reply reply;
  if (found) {
    reply.exists = true;
    reply.type = state_.names().inode(*found)->type;
  } else if (found.error().code != Code::not_found && found.error().code != Code::not_a_directory) {
    co_await fail(std::move(found));
  }
  co_return reply;
}

Task<bus::List::Reply> FileService::list(bus::List ask, bus::Caller) {
  InodeId directory = co_await state_.names().find(ask.path);
  bus::List::Reply reply;
  if (state_.names().inode(directory)->type == FileType::file) {
    if (ask.after.empty()) reply.entries.push_back(state_.info(directory, std::move(ask.path)));
    co_return reply;
  }
  std::uint32_t limit = std::clamp<std::uint32_t>(ask.limit, 1, kPageMax);
  std::size_t bytes = 0;
  state_.names().list(directory, ask.after, [&](std::string_view name, InodeId inode) {
    if (reply.entries.size() == limit || bytes > kPageBytesMax) {
      reply.more = true;
      return false;
    }
    reply.entries.push_back(state_.info(inode, join_path(ask.path, name)));
    bytes += reply.entries.back().path.size();
    return true;
  });
  co_return reply;
}

Task<bus::FileInfo> FileService::rename(bus::Rename ask, bus::Caller caller) {
  RenameOp op{std::move(ask.source), ask.target, ask.replace};
  Decision moved = co_await journal_.commit(std::move(op), caller.request, 0, caller.index);
  moved.info.path = std::move(ask.target);
  co_return std::move(moved.info);
}

Task<bus::Remove::Reply> FileService::remove(bus::Remove ask, bus::Caller caller) {
  // As with create: a repeat may come to a master with another default.
  RemoveOp op{std::move(ask.path), ask.recursive, ask.now ? 0 : 1};
  const std::uint32_t digest = digest_of(op);
  if (!ask.now) op.keep = defaults_.trash;
  Decision removed = co_await journal_.commit(std::move(op), caller.request, digest, caller.index);
  co_return bus::Remove::Reply{removed.files, removed.directories, removed.info.inode, removed.info.mtime_ms};
}

Task<bus::Done> FileService::set_size(bus::SetSize ask, bus::Caller caller) {
  SetSizeOp op{ask.inode, ask.size};
  (void)co_await journal_.commit(std::move(op), caller.request, 0, caller.index);
  co_return bus::Done{};
}

Task<bus::Done> FileService::close_client(bus::CloseClient ask, bus::Caller caller) {
  if (!caller.request.client.nil() && caller.request.client != ask.client)
    co_await fail(Code::invalid_argument, "client {} cannot take leave for client {}", caller.request.client,
                  ask.client);
  // Not under the request's id: what is forgotten with it should not be remembered for it.
  CloseClientOp op{ask.client};
  (void)co_await journal_.commit(std::move(op), {}, 0, caller.index);
  co_return bus::Done{};
}

}  // namespace gfs::master
