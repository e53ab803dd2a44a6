-- Prints the percentiles of the distribution that wrk shows, in microseconds.
done = function(summary, latency, requests)
  for _, p in ipairs({50, 75, 90, 95, 99, 99.5, 99.9, 99.99}) do
    io.write(string.format("percentile %g %d\n", p, latency:percentile(p)))
  end
end
