#include "master/trash_service.h"

#include <algorithm>

#include "base/log.h"

namespace gfs::master {

namespace {

constexpr std::uint32_t kPageMax = 1000;
constexpr std::size_t kPageBytesMax = 512 << 10;  // of paths: a page must fit into a frame
constexpr std::size_t kPurgedAtOnce = 1000;

}  // namespace

void TrashService::serve(bus::Endpoint& endpoint) {
  endpoint_ = &endpoint;
  endpoint.serve<&TrashService::list>(*this);
  endpoint.serve<&TrashService::restore>(*this);
  endpoint.serve<&TrashService::purge>(*this);
}

Task<bus::ListTrash::Reply> TrashService::list(bus::ListTrash ask, bus::Caller) {
  bus::ListTrash::Reply reply;
  reply.now_ms = journal_.now();
  const std::uint32_t limit = std::clamp<std::uint32_t>(ask.limit, 1, kPageMax);
  const Namespace& names = state_.names();
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
  co_return reply;
}

Task<bus::FileInfo> TrashService::restore(bus::RestoreTrash ask, bus::Caller caller) {
  RestoreOp op{ask.item, ask.path, ask.parents};
  Decision restored = co_await journal_.commit(std::move(op), caller.request, 0, caller.index);
  restored.info.path = std::move(ask.path);
  co_return std::move(restored.info);
}

Task<bus::PurgeTrash::Reply> TrashService::purge(bus::PurgeTrash ask, bus::Caller caller) {
  if (ask.items.size() > kPurgedAtOnce)
    co_await fail(Code::too_large, "{} things to purge at once: at most {} are possible", ask.items.size(),
                  kPurgedAtOnce);
  ExpireOp op{std::move(ask.items)};
  Decision purged = co_await journal_.commit(std::move(op), caller.request, 0, caller.index);
  co_return bus::PurgeTrash::Reply{purged.files};
}

Task<> TrashService::run() {
  while (true) {
    co_await endpoint_->executor().sleep(kTick);
    Result<> done = co_await take_apart().outcome();
    if (!done) log::write_limited(log::Level::warn, "trash_not_emptied", {{"why", done.error().text()}});
  }
}

Task<> TrashService::take_apart() {
  for (int ops = 0; ops < kOpsPerTick; ++ops) {
    const Trash& trash = state_.names().trash();
    const std::optional<TrashItem> next = trash.first();
    if (!next) co_return;
    if (next->until > journal_.now()) {
      if (trash.size() <= settings_.items_max) co_return;
      log::write_limited(log::Level::warn, "trash_full", {{"items", trash.size()}, {"path", next->path}});
      ExpireOp expire{{next->inode}};
      (void)co_await journal_.commit(std::move(expire));
    }
    PurgeOp purge{next->inode, kPerOp};
    (void)co_await journal_.commit(std::move(purge));
  }
}

}  // namespace gfs::master
