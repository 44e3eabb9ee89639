#include "services/post/feed.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "services/post/cache_kinds.hpp"

namespace guildhall::post {
namespace {

constexpr PostId kNewest{std::numeric_limits<std::int64_t>::max()};

// Where the merge is in one author's timeline.
struct Source {
    UserId author;
    TimelinePointer timeline;
    std::vector<TimelineEntry> older;  // read behind what the timeline holds
    const TimelineEntry* next = nullptr;
    const TimelineEntry* end = nullptr;
    bool is_complete = true;  // nothing comes behind `end`

    void show_older(std::vector<TimelineEntry> entries, std::size_t asked) {
        is_complete = entries.size() < asked;
        older = std::move(entries);
        next = older.data();
        end = next + older.size();
    }
};

struct Head {
    PostId id;
    std::size_t source;
    friend auto operator<=>(const Head&, const Head&) = default;
};

}  // namespace

Feed::Feed(Parts parts, std::size_t max_readers)
    : posts_(parts.posts),
      reader_(parts.reader),
      timelines_(parts.timelines),
      pages_(
          max_readers, [](const FirstPage&) -> std::size_t { return 1; }, parts.coherence.live()),
      timelines_registration_(parts.coherence.on(
          kTimelineKind, [this](std::int64_t author) { timelines_.drop(UserId{author}); },
          [this] {
              timelines_.clear();
              pages_.clear();
          })) {}

Task<Feed::FirstPagePointer> Feed::first_page(const Viewer& viewer, Pages::Ticket ticket) {
    FirstPagePointer page = pages_.find(viewer.id());
    // The position is taken before the timelines are read: what changes meanwhile is found at the next look.
    const ChangeLog::Position position = timelines_.changes().position();
    if (page && page->followed != viewer.followed() && *page->followed != *viewer.followed()) page = nullptr;
    if (page) {
        const ChangeLog::Position since = page->checked.load(std::memory_order_relaxed);
        if (since == position) co_return page;
        const auto is_meant = [&viewer](UserId author) { return viewer.follows(author); };
        std::optional<std::vector<UserId>> changed = timelines_.changes().list_changed(since, position, is_meant);
        if (changed && changed->empty()) {
            page->checked.store(position, std::memory_order_relaxed);
            co_return page;
        }
        page = changed ? co_await update(std::move(page), std::move(*changed), position) : nullptr;
    }
    if (!page) {
        std::vector<PostKey> entries = co_await merge(viewer, kNewest, kCachedEntries);
        const bool is_whole = entries.size() < kCachedEntries;
        page = std::make_shared<const FirstPage>(std::move(entries), is_whole, viewer.followed(), position);
    }
    pages_.put(viewer.id(), page, ticket);
    co_return page;
}

Task<Feed::FirstPagePointer> Feed::update(FirstPagePointer page, std::vector<UserId> changed,
                                          ChangeLog::Position position) {
    const std::vector<TimelinePointer> timelines = co_await timelines_.of(changed);
    // From here on upwards the page has every post, so it only lacks what is new there.
    const PostId floor = page->is_complete ? PostId{} : page->entries.back().id;
    std::vector<PostKey> entries;
    entries.reserve(page->entries.size() + changed.size());
    for (const PostKey& entry : page->entries)
        if (std::ranges::find(changed, entry.author_id) == changed.end()) entries.push_back(entry);
    for (std::size_t i = 0; i < changed.size(); ++i) {
        for (const TimelineEntry& entry : timelines[i]->entries) {
            if (entry.id < floor) break;
            entries.push_back({entry.id, changed[i]});
        }
    }
    std::ranges::sort(entries, std::ranges::greater(), &PostKey::id);
    const bool is_whole = page->is_complete && entries.size() < kCachedEntries;
    if (entries.size() > kCachedEntries) entries.resize(kCachedEntries);
    if (!is_whole && entries.size() < kCachedEntries / 2) co_return nullptr;
    co_return std::make_shared<const FirstPage>(std::move(entries), is_whole, page->followed, position);
}

Task<std::vector<ListedPost>> Feed::head(UserId reader, FirstPagePointer page, std::size_t count,
                                         Pages::Ticket ticket) {
    std::vector<ListedPost> posts;
    posts.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        posts.push_back({page->entries[i], nullptr});
        if (i < page->records.size()) posts.back().record = page->records[i].lock();
    }
    const std::size_t pointed = std::min(count, kCachedRecords);
    const auto is_warm = [](const ListedPost& post) { return post.record && post.record->is_current(); };
    if (std::ranges::all_of(posts.begin(), posts.begin() + static_cast<std::ptrdiff_t>(pointed), is_warm))
        co_return posts;

    posts = co_await reader_.look_up(std::move(posts));
    const auto pointing = std::make_shared<FirstPage>(page->entries, page->is_complete, page->followed,
                                                      page->checked.load(std::memory_order_relaxed));
    for (std::size_t i = 0; i < pointed; ++i) pointing->records.emplace_back(posts[i].record);
    pages_.put(reader, pointing, ticket);
    co_return posts;
}

Task<std::vector<ListedPost>> Feed::list(const Viewer& viewer, PostId below, std::size_t count) {
    // One for all that is put on the way: what is dropped since now does not come back.
    const auto ticket = pages_.ticket(viewer.id());
    const FirstPagePointer page = co_await first_page(viewer, ticket);
    const auto start = std::ranges::lower_bound(page->entries, below, std::ranges::greater_equal(), &PostKey::id);
    const auto kept = std::min(static_cast<std::size_t>(page->entries.end() - start), count);
    std::vector<ListedPost> posts;
    if (start == page->entries.begin()) {
        posts = co_await head(viewer.id(), page, kept, ticket);
    } else {
        for (std::size_t i = 0; i < kept; ++i) posts.push_back({start[static_cast<std::ptrdiff_t>(i)], nullptr});
    }
    if (kept == count || page->is_complete) co_return posts;

    const PostId last = page->entries.empty() ? below : std::min(below, page->entries.back().id);
    const std::vector<PostKey> older = co_await merge(viewer, last, count - kept);
    for (const PostKey& key : older) posts.push_back({key, nullptr});
    co_return posts;
}

// A k-way merge of the timelines by a heap of their heads. An author who has older posts than the timeline holds is
// read on only when the merge gets there, so no history is read as a whole.
Task<std::vector<PostKey>> Feed::merge(const Viewer& viewer, PostId below, std::size_t count) {
    std::vector<UserId> authors = *viewer.followed();
    authors.push_back(viewer.id());
    std::vector<TimelinePointer> timelines = co_await timelines_.of(authors);

    std::vector<Source> sources;
    sources.reserve(authors.size());
    std::vector<TimelineRequest> deeper;
    std::vector<std::size_t> deeper_sources;
    for (std::size_t i = 0; i < authors.size(); ++i) {
        const std::vector<TimelineEntry>& entries = timelines[i]->entries;
        const auto start = below == kNewest ? entries.begin()
                                            : std::ranges::lower_bound(entries, below, std::ranges::greater_equal(),
                                                                       &TimelineEntry::id);
        const bool is_complete = timelines[i]->is_complete;
        if (start == entries.end() && is_complete) continue;
        Source& source = sources.emplace_back();
        source.author = authors[i];
        source.next = entries.data() + (start - entries.begin());
        source.end = entries.data() + entries.size();
        source.is_complete = is_complete;
        source.timeline = std::move(timelines[i]);
        if (source.next != source.end) continue;
        deeper.push_back({source.author, below, Visibility::connections});
        deeper_sources.push_back(sources.size() - 1);
    }
    if (!deeper.empty()) {
        auto read = co_await posts_.list_timelines(std::move(deeper), count);
        for (std::size_t i = 0; i < read.size(); ++i) sources[deeper_sources[i]].show_older(std::move(read[i]), count);
    }

    std::vector<Head> heads;
    heads.reserve(sources.size());
    for (std::size_t i = 0; i < sources.size(); ++i)
        if (sources[i].next != sources[i].end) heads.push_back({sources[i].next->id, i});
    std::ranges::make_heap(heads);
    std::vector<PostKey> merged;
    merged.reserve(count);
    while (merged.size() < count && !heads.empty()) {
        std::ranges::pop_heap(heads);
        Head& head = heads.back();
        Source& source = sources[head.source];
        merged.push_back({head.id, source.author});
        ++source.next;
        if (source.next == source.end && !source.is_complete && merged.size() < count) {
            const std::size_t asked = count - merged.size();
            std::vector<TimelineRequest> request{{source.author, head.id, Visibility::connections}};
            auto read = co_await posts_.list_timelines(std::move(request), asked);
            source.show_older(std::move(read.front()), asked);
        }
        if (source.next == source.end) {
            heads.pop_back();
            continue;
        }
        head.id = source.next->id;
        std::ranges::push_heap(heads);
    }
    co_return merged;
}

}  // namespace guildhall::post
