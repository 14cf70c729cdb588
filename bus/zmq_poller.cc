#include "bus/zmq_poller.h"

namespace gfs::bus {

namespace {

// Messages of one socket before the others, timers and disks have their turn.
constexpr std::size_t kBudget = 256;

}  // namespace

ZmqPoller::ZmqPoller(EventLoop& loop) : loop_(loop) {
  hook_ = loop_.before_sleep([this] { return handle_touched(); });
}

ZmqPoller::~ZmqPoller() { loop_.remove_hook(hook_); }

void ZmqPoller::touched(Source& source) {
  if (source.touched_) return;
  source.touched_ = true;
  touched_.push_back(source.shared_from_this());
}

bool ZmqPoller::handle_touched() {
  round_.swap(touched_);
  for (std::shared_ptr<Source>& source : round_) {
    bool more = source->handle(kBudget);
    source->touched_ = false;  // only now: what its own callbacks sent on it was before its last look
    if (more) touched(*source);
  }
  round_.clear();
  return !touched_.empty();
}

}  // namespace gfs::bus
