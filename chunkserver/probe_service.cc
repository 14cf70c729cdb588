#include "chunkserver/probe_service.h"

#include <algorithm>

#include "chunkserver/chunk_format.h"

namespace gfs::chunkserver {

Task<bus::Hello::Reply> ProbeService::hello(bus::Hello, bus::Caller) {
  co_return bus::Hello::Reply{endpoint_.cluster(), "gfs-chunkserver " GFS_VERSION, chunk_size_};
}

Task<bus::Done> ProbeService::probe(bus::ProbeAddress ask, bus::Caller caller) {
  if (ask.address.size() > 256 || ask.address.find("://") == std::string::npos) {
    co_await fail(Code::invalid_argument, "'{}' is not an address", ask.address);
  }
  // Any answer will do, a refusal too: somebody is there.
  bus::Hello question{"gfs-chunkserver " GFS_VERSION};
  bus::CallOptions options;
  options.deadline = std::max<Duration>((caller.deadline - endpoint_.executor().now()) * 3 / 4, 1ms);
  Result<bus::Hello::Reply> answer =
      co_await endpoint_.call(bus::Peer::at(ask.address), std::move(question), options).outcome();
  if (!answer) {
    const Code code = answer.error().code;
    if (code == Code::unreachable || code == Code::deadline || code == Code::lost_link || code == Code::wrong_cluster) {
      co_await fail(Code::unreachable, "{}: {}", ask.address, answer.error().message);
    }
  }
  co_return bus::Done{};
}

}  // namespace gfs::chunkserver
