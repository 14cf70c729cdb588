#include "client_cli/client/push.h"

namespace gfs::client {

Result<> push(bus::Endpoint& endpoint, const std::vector<bus::Member>& chain, bus::PushFragment fragment) {
  fragment.chain.clear();
  for (std::size_t i = 1; i < chain.size(); ++i) fragment.chain.push_back(chain[i].data);
  const bus::Address& first = chain.front().data;
  Result<> pushed = endpoint.push(first, std::move(fragment));
  if (!pushed) pushed.error().message = fmt::format("pushing to {}: {}", first, pushed.error().message);
  return pushed;
}

}  // namespace gfs::client
