#include "services/post/timelines.hpp"

#include <limits>
#include <utility>

namespace guildhall::post {

Timelines::Timelines(PostStore& posts, const std::atomic<bool>& is_live, std::size_t max_bytes)
    : posts_(posts),
      timelines_(
          max_bytes,
          [](const Timeline& timeline) {
              return sizeof timeline + timeline.entries.capacity() * sizeof(TimelineEntry);
          },
          is_live) {}

Task<std::vector<TimelinePointer>> Timelines::of(std::vector<UserId> authors) {
    std::vector<TimelinePointer> found(authors.size());
    std::vector<TimelineRequest> requests;
    std::vector<std::pair<std::size_t, cache::Local<UserId, Timeline>::Ticket>> places;
    for (std::size_t i = 0; i < authors.size(); ++i) {
        found[i] = timelines_.find(authors[i]);
        if (found[i]) continue;
        places.emplace_back(i, timelines_.ticket(authors[i]));
        requests.push_back({authors[i], {std::numeric_limits<std::int64_t>::max()}, Visibility::connections});
    }
    if (requests.empty()) co_return found;

    std::vector<std::vector<TimelineEntry>> read = co_await posts_.list_timelines(std::move(requests), kEntries);
    for (std::size_t i = 0; i < places.size(); ++i) {
        const auto [place, ticket] = places[i];
        const bool is_complete = read[i].size() < kEntries;
        found[place] = std::make_shared<const Timeline>(std::move(read[i]), is_complete);
        timelines_.put(authors[place], found[place], ticket);
    }
    co_return found;
}

}  // namespace guildhall::post
