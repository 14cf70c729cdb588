#include "chunkserver/fork_service.h"

namespace gfs::chunkserver {

Task<bus::CopyChunk::Reply> ForkService::copy(bus::CopyChunk ask, bus::Caller) {
  bus::ReplicaState state = co_await store_.fork(ask.source, ask.version, ask.handle);
  co_return bus::CopyChunk::Reply{state.length, state.digest};
}

}  // namespace gfs::chunkserver
