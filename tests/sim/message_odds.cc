#include "tests/sim/message_odds.h"

#include <algorithm>
#include <array>

#include "bus/codec.h"
#include "bus/envelope.h"
#include "bus/messages/chunk_chunk.h"
#include "bus/messages/chunk_master.h"
#include "bus/messages/client_chunk.h"

namespace gfs::sim {

namespace {

constexpr std::array kGrants = {bus::Configure::kind, bus::PrepareVersion::kind, bus::AdoptVersion::kind,
                                bus::MakeEqual::kind, bus::AccuseMember::kind};
constexpr std::array kWrites = {bus::WriteChunk::kind, bus::AppendChunk::kind};
constexpr std::size_t kAskedMax = 4096;

}  // namespace

bus::SimNetwork::Odds MessageOdds::judge(const std::string& from, const std::string& to, const bus::Frames& frames) {
  Result<bus::Envelope> header = bus::decode<bus::Envelope>(frames.envelope);
  if (!header) return {};
  if (header->type == bus::Saying::request) {
    const auto among = [&header](const auto& kinds) { return std::ranges::find(kinds, header->kind) != kinds.end(); };
    if (plan_.has("late") && among(kWrites)) return {.late = plan_.late_writes};
    if (!plan_.has("lost_grants") || !among(kGrants)) return {};
    if (asked_.size() >= kAskedMax) asked_.clear();
    asked_[{to, from, header->id}] = true;
    return {.loss = plan_.grant_loss / 4, .repeat = plan_.grant_repeat};
  }
  if (header->type == bus::Saying::reply && asked_.contains({from, to, header->id})) {
    return {.loss = plan_.grant_loss, .repeat = plan_.grant_repeat};
  }
  return {};
}

}  // namespace gfs::sim
