// Cow<Page>: a page of state that a frozen view may share.
//
// Freezing copies pointers; whoever changes a page afterwards changes a copy of its own, and the view keeps the old one
// for as long as it needs it. So a checkpoint of the whole state begins in the time it takes to copy the pointers, and
// costs memory only for pages that change while it is being written.
//
// One thread.
#pragma once

#include <memory>

namespace gfs::master {

template <class Page>
class Cow {
 public:
  Cow() = default;  // no page
  explicit Cow(Page page) : page_(std::make_shared<Page>(std::move(page))) {}

  explicit operator bool() const { return page_ != nullptr; }
  const Page& operator*() const { return *page_; }
  const Page* operator->() const { return page_.get(); }
  // To change it. Pointers into the page are those of the copy from here on.
  Page& change() {
    if (page_.use_count() > 1) page_ = std::make_shared<Page>(*page_);
    return *page_;
  }
  // What the page is now, whatever happens to it.
  std::shared_ptr<const Page> freeze() const { return page_; }

 private:
  std::shared_ptr<Page> page_;
};

}  // namespace gfs::master
