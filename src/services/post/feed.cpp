#include "services/post/feed.hpp"

#include <algorithm>
#include <limits>
#include <utility>

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

bool Feed::still_holds(const FirstPage& page, const Viewer& viewer) const {
    if (page.connections != viewer.connections() && *page.connections != *viewer.connections()) return false;
    const ChangeLog::Position since = page.checked.load(std::memory_order_relaxed);
    const ChangeLog::Position until = timelines_.changes().position();
    if (since == until) return true;
    const auto is_meant = [&viewer](UserId author) { return viewer.follows(author); };
    if (!timelines_.changes().is_unchanged(since, until, is_meant)) return false;
    page.checked.store(until, std::memory_order_relaxed);
    return true;
}

Task<std::shared_ptr<const Feed::FirstPage>> Feed::first_page(const Viewer& viewer) {
    auto page = pages_.find(viewer.id());
    if (page && still_holds(*page, viewer)) co_return page;
    // The position is taken before the timelines are read: what changes meanwhile is found at the next look.
    const auto ticket = pages_.ticket(viewer.id());
    const ChangeLog::Position position = timelines_.changes().position();
    std::vector<PostKey> entries = co_await merge(viewer, kNewest, kKeptEntries);
    page = std::make_shared<const FirstPage>(std::move(entries), viewer.connections(), position);
    pages_.put(viewer.id(), page, ticket);
    co_return page;
}

Task<std::vector<PostKey>> Feed::list(const Viewer& viewer, PostId below, std::size_t count) {
    const auto page = co_await first_page(viewer);
    const auto start = std::ranges::lower_bound(page->entries, below, std::ranges::greater_equal(), &PostKey::id);
    const auto kept = static_cast<std::size_t>(page->entries.end() - start);
    std::vector<PostKey> entries(start, start + static_cast<std::ptrdiff_t>(std::min(kept, count)));
    if (entries.size() == count || page->is_complete) co_return entries;

    const PostId last = page->entries.empty() ? below : std::min(below, page->entries.back().id);
    const std::vector<PostKey> older = co_await merge(viewer, last, count - entries.size());
    entries.insert(entries.end(), older.begin(), older.end());
    co_return entries;
}

// A k-way merge of the timelines by a heap of their heads. An author who has older posts than the timeline holds is
// read on only when the merge gets there, so no history is read as a whole.
Task<std::vector<PostKey>> Feed::merge(const Viewer& viewer, PostId below, std::size_t count) {
    std::vector<UserId> authors = *viewer.connections();
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
        auto read = co_await store_.list_timelines(std::move(deeper), count);
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
            auto read = co_await store_.list_timelines(std::move(request), asked);
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
