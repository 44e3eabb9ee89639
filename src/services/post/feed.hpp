#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "platform/cache/coherence.hpp"
#include "platform/cache/local.hpp"
#include "services/post/post_reader.hpp"
#include "services/post/timelines.hpp"
#include "services/post/viewer.hpp"

namespace guildhall::post {

/// The feeds of members: the posts of their own and of those whom they follow, newest first. The first stretch of each
/// reader's feed is kept, as post ids; whether it still holds is decided at each read, by whom the reader follows and
/// by the log of changed timelines, and where a few authors changed only theirs is merged again. The records of its
/// head are pointed at, so that showing it looks nothing up while they are current. What the reader may see of it is
/// decided when it is shown (PostReader). Thread-safe.
class Feed {
public:
    static constexpr std::size_t kCachedEntries = 100;
    static constexpr std::size_t kCachedRecords = 21;  // a page of the default size, and whether there is more

    /// What it works with; all of it lives longer.
    struct Parts {
        PostStore& posts;
        PostReader& reader;
        Timelines& timelines;
        cache::Coherence& coherence;
    };
    /// Registers for the timelines, too: what is kept here is made of them.
    Feed(Parts parts, std::size_t max_readers);

    /// Up to `count` posts of the viewer's feed below `below`, newest first; fewer only at its end.
    Task<std::vector<ListedPost>> list(const Viewer& viewer, PostId below, std::size_t count);

    /// Forgets what is kept for a reader.
    void drop(UserId reader) { pages_.invalidate(reader); }

private:
    struct FirstPage {
        std::vector<PostKey> entries;
        bool is_complete;  // the whole feed
        std::shared_ptr<const connection::Ids> followed;
        mutable std::atomic<ChangeLog::Position> checked;
        /// The records of the first entries, or none. They do not keep a record in memory that its cache has evicted.
        std::vector<std::weak_ptr<const PostRecord>> records;

        FirstPage(std::vector<PostKey> merged, bool is_whole, std::shared_ptr<const connection::Ids> of,
                  ChangeLog::Position at)
            : entries(std::move(merged)), is_complete(is_whole), followed(std::move(of)), checked(at) {}
    };
    using FirstPagePointer = std::shared_ptr<const FirstPage>;

    using Pages = cache::Local<UserId, FirstPage>;

    Task<FirstPagePointer> first_page(const Viewer& viewer, Pages::Ticket ticket);
    /// `page` with what the changed authors have now in place of what they had; null when too little is left of it.
    Task<FirstPagePointer> update(FirstPagePointer page, std::vector<UserId> changed, ChangeLog::Position position);
    /// The first `count` entries of the page with their records, which the page then points at.
    Task<std::vector<ListedPost>> head(UserId reader, FirstPagePointer page, std::size_t count, Pages::Ticket ticket);
    Task<std::vector<PostKey>> merge(const Viewer& viewer, PostId below, std::size_t count);

    PostStore& posts_;
    PostReader& reader_;
    Timelines& timelines_;
    Pages pages_;
    const std::unique_ptr<cache::Coherence::Registration> timelines_registration_;
};

}  // namespace guildhall::post
