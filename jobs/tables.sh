#!/bin/sh
# Tables of ratings from data sets that come as something else: sh jobs/tables.sh coat|tafeng.
# Reads ../shared/data, or where DAOGOU_DATA says; writes runs/NAME-data.
set -eu
cd "$(dirname "$0")/.."
from=${DAOGOU_DATA:-../shared/data}
to=runs/$1-data
mkdir -p "$to"
case $1 in
coat) # dense matrices of users and goods, 0 where there is no rating
    for part in train test; do
        awk -v OFS=, 'BEGIN { print "user,item,rating" }
            { sub(/\r$/, ""); for (i = 1; i <= NF; i++) if ($i != 0) print NR, i, $i }' \
            "$from/coat/$part.ascii" >"$to/$part.csv"
    done ;;
tafeng) # baskets in time order; the last of every shopper is the future
    for future in 0 1; do
        awk -F '\t' -v OFS=, -v future=$future 'BEGIN { print "user,item,basket" }
            { sub(/\r$/, "") } NR > 1 && $3 == future { n = split($4, item, /[ ,]+/)
                for (i = 1; i <= n; i++) if (item[i] != "") print $1, item[i], $2 }' \
            "$from/tafeng/baskets.tsv" >"$to/$future.csv"
    done
    mv "$to/0.csv" "$to/train.csv"
    mv "$to/1.csv" "$to/test.csv" ;;
*) echo "usage: sh jobs/tables.sh coat|tafeng" >&2; exit 64 ;;
esac
