#include "chunkserver/push_service.h"

#include "base/log.h"
#include "chunkserver/block_checksums.h"
#include "chunkserver/chunk_format.h"

namespace gfs::chunkserver {

namespace {

constexpr std::size_t kChainMax = 8;
constexpr std::size_t kAddressMax = 256;
constexpr std::uint32_t kPartsMax = 16;

Result<> check_bounds(const bus::PushFragment& fragment) {
  const std::uint64_t size = fragment.payload.size();
  if (size == 0 || size > kFragmentMax)
    return fail(Code::too_large, "a fragment of {} bytes (1 to {} are allowed)", size, kFragmentMax);
  if (fragment.handle.value == 0 || fragment.id.client.nil())
    return fail(Code::invalid_argument, "a fragment without chunk or request id");
  if (fragment.part >= kPartsMax || (fragment.part > 0 && fragment.offset != fragment.part * kFragmentMax))
    return fail(Code::invalid_argument, "part {} of an append, at {}", fragment.part, fragment.offset);
  if (fragment.offset > kChunkSize - size)
    return fail(Code::invalid_argument, "a fragment at {} that does not fit into a chunk", fragment.offset);
  if (fragment.crcs.size() != pieces_of(fragment.offset, size).size()) {
    return fail(Code::invalid_argument, "a fragment with {} checksums", fragment.crcs.size());
  }
  if (fragment.chain.size() > kChainMax) return fail(Code::too_large, "a chain of {} servers", fragment.chain.size());
  for (const std::string& address : fragment.chain) {
    if (address.size() > kAddressMax || address.find("://") == std::string::npos) {
      return fail(Code::invalid_argument, "a chain with something that is not an address");
    }
  }
  return {};
}

}  // namespace

void PushService::push(bus::PushFragment fragment) {
  Result<> accepted = check_bounds(fragment);
  if (accepted && !fragment.chain.empty()) {
    bus::PushFragment next;
    next.id = fragment.id;
    next.handle = fragment.handle;
    next.offset = fragment.offset;
    next.part = fragment.part;
    next.crcs = fragment.crcs;
    next.chain.assign(fragment.chain.begin() + 1, fragment.chain.end());
    next.payload = fragment.payload;
    Result<> forwarded = endpoint_.push(fragment.chain.front(), std::move(next));
    if (!forwarded) {
      log::write_limited(
          log::Level::warn, "fragment_not_forwarded",
          {{"chunk", fragment.handle}, {"next", fragment.chain.front()}, {"reason", forwarded.error().text()}});
    }
  }
  if (accepted) accepted = verify_wire(fragment.offset, fragment.payload, fragment.crcs);
  if (accepted) {
    StagedFragment staged;
    staged.handle = fragment.handle;
    staged.offset = fragment.offset;
    staged.digest = digest_of(fragment.crcs);
    staged.checksums = std::move(fragment.crcs);
    staged.bytes = std::move(fragment.payload);
    accepted = staging_.put(fragment.id, fragment.part, std::move(staged));
  }
  if (!accepted) {
    log::write_limited(log::Level::warn, "fragment_refused",
                       {{"chunk", fragment.handle}, {"request", fragment.id}, {"reason", accepted.error().text()}});
  }
}

}  // namespace gfs::chunkserver
