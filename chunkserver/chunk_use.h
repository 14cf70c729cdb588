// ChunkStore::Use: held by a coroutine while it works on a chunk, so that the chunk's checksums and activity stay. The
// last one takes the activity along, unless the next must know what is in it: a chunk at rest costs no memory for it.
#pragma once

#include "chunkserver/chunk_store.h"

namespace gfs::chunkserver {

class ChunkStore::Use {
 public:
  explicit Use(Chunk* chunk) : chunk_(chunk) {
    if (!chunk_->activity) {
      chunk_->activity = std::make_unique<Activity>();
      chunk_->activity->plan_serial = chunk_->serial;
      chunk_->activity->plan_lsn = chunk_->committed_lsn;
    }
    ++chunk_->activity->users;
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() {
    Activity& activity = *chunk_->activity;
    if (--activity.users == 0 && !activity.tail_garbage) chunk_->activity.reset();
  }

 private:
  Chunk* chunk_;
};

}  // namespace gfs::chunkserver
