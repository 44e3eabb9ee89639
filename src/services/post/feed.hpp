#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "platform/cache/local.hpp"
#include "services/post/timelines.hpp"
#include "services/post/viewer.hpp"

namespace guildhall::post {

/// The feeds of members: the posts of their own and of their connections, newest first. The first stretch of each
/// reader's feed is kept, as post ids only; whether it still holds is decided at each read, by the reader's
/// connections and by the log of changed timelines. What the reader may see of it is decided when it is shown
/// (PostReader). Thread-safe.
class Feed {
public:
    static constexpr std::size_t kKeptEntries = 100;

    Feed(PostStore& store, Timelines& timelines, std::size_t max_readers)
        : store_(store), timelines_(timelines), pages_(max_readers) {}

    /// Up to `count` posts of the viewer's feed below `below`, newest first; fewer only at its end.
    Task<std::vector<PostKey>> list(const Viewer& viewer, PostId below, std::size_t count);

    /// Forgets what is kept for a reader.
    void drop(UserId reader) { pages_.invalidate(reader); }

private:
    struct FirstPage {
        std::vector<PostKey> entries;
        bool is_complete;  // the whole feed
        std::shared_ptr<const connection::Ids> connections;
        mutable std::atomic<ChangeLog::Position> checked;

        FirstPage(std::vector<PostKey> merged, std::shared_ptr<const connection::Ids> of, ChangeLog::Position at)
            : entries(std::move(merged)),
              is_complete(entries.size() < kKeptEntries),
              connections(std::move(of)),
              checked(at) {}
    };

    Task<std::shared_ptr<const FirstPage>> first_page(const Viewer& viewer);
    bool still_holds(const FirstPage& page, const Viewer& viewer) const;
    Task<std::vector<PostKey>> merge(const Viewer& viewer, PostId below, std::size_t count);

    PostStore& store_;
    Timelines& timelines_;
    cache::Local<UserId, FirstPage> pages_;
};

}  // namespace guildhall::post
