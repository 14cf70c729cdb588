#include "bus/inproc_registry.h"

namespace gfs::bus {

InprocRegistry& InprocRegistry::instance() {
  static InprocRegistry* registry = new InprocRegistry;  // never destroyed: threads may outlive main()
  return *registry;
}

void InprocRegistry::bound(const Address& name) {
  std::lock_guard lock(mutex_);
  bound_.insert(name);
}

void InprocRegistry::unbound(const Address& name) {
  std::lock_guard lock(mutex_);
  bound_.erase(name);
  for (auto observer = observers_.begin(); observer != observers_.end();) {
    if (observer->second.name == name) {
      observer->second.executor->post_from_any_thread(std::move(observer->second.gone));
      observer = observers_.erase(observer);
    } else {
      ++observer;
    }
  }
}

InprocRegistry::ObserverId InprocRegistry::observe(const Address& name, Executor& executor,
                                                   std::function<void()> gone) {
  std::lock_guard lock(mutex_);
  observers_[++last_observer_] = {name, &executor, std::move(gone)};
  return last_observer_;
}

void InprocRegistry::forget(ObserverId observer) {
  std::lock_guard lock(mutex_);
  observers_.erase(observer);
}

bool InprocRegistry::is_bound(const Address& name) {
  std::lock_guard lock(mutex_);
  return bound_.contains(name);
}

}  // namespace gfs::bus
