#include "client_cli/client/master_client.h"

#include "client_cli/client/fragments.h"

namespace gfs::client {

Task<> MasterClient::connect(std::string what, Instant deadline) {
  if (chunk_size_ != 0) co_return;
  bus::Hello hello{"gfs-client " GFS_VERSION};
  bus::Hello::Reply reply = co_await tries<bus::Hello>(std::move(hello), std::move(what), deadline, RequestId{});
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
