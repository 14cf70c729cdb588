#include "client_cli/client/master_client.h"

#include <algorithm>

#include "client_cli/client/fragments.h"

namespace gfs::client {

namespace {

constexpr std::int64_t kBehindMax = std::int64_t{1000} * 3600 * 24 * 365;  // in ms

}  // namespace

void MasterClient::note_reached(const bus::Address& from, Code code) {
  if (code != Code::ok && master_may_recover(code)) {
    choice_.failed(from, endpoint_.executor().now());
  } else {
    choice_.answered(from);
  }
}

Result<> MasterClient::note_source(const bus::Address& from, std::int64_t behind_ms, Code code) {
  const bool shadow = behind_ms >= 0;
  if (shadow && !settings_.stale_ok) {
    return fail(Code::refused,
                "{} is a shadow of the master, and what it tells may be old; add --stale-ok to read from it", from);
  }
  if (code != Code::ok && master_may_recover(code)) return {};  // no answer
  on_shadow_ = shadow;
  if (!shadow) return {};
  const Duration behind = std::chrono::milliseconds(std::min<std::int64_t>(behind_ms, kBehindMax));
  if (!staleness_ || staleness_->behind < behind) staleness_ = Staleness{from, behind};
  return {};
}

Task<> MasterClient::connect(std::string what, Instant deadline) {
  if (chunk_size_ != 0) co_return;
  bus::Hello hello{"gfs-client " GFS_VERSION};
  bus::Hello::Reply reply =
      co_await tries<bus::Hello>(std::move(hello), std::move(what), deadline, RequestId{}, Who::anybody);
  constexpr std::uint64_t kChunkMax = std::uint64_t{64} << 30;
  if (reply.cluster.nil() || reply.chunk_size == 0 || reply.chunk_size > kChunkMax ||
      reply.chunk_size % kBlockSize != 0) {
    co_await fail(Code::malformed, "master {} says cluster {} and chunks of {} bytes", settings_.master, reply.cluster,
                  reply.chunk_size);
  }
  endpoint_.set_cluster(reply.cluster);
  chunk_size_ = reply.chunk_size;
}

}  // namespace gfs::client
