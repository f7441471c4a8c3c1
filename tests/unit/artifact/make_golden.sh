#!/bin/sh
# make_golden.sh DAOGOU: artifacts as this version writes them, for later versions to read, into golden/:
# NAME.h5.gz, and NAME.csv with the lists that `daogou recommend` makes of the model itself. Run it when
# a file may hold what it could not hold before, with a new VERSION in front of the names; what is
# there already stays.
set -eu
daogou=$1
version=1
golden=$(cd "$(dirname "$0")" && pwd)/golden
mkdir -p "$golden"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
cat >ratings.csv <<END
user,item,value,time
ann,tea,5,1000
ann,milk,4,1001
ann,bread,1,1002
bob,tea,4,1003
bob,bread,2,1004
bob,jam,5,1005
cleo,milk,3,1006
cleo,bread,5,1007
cleo,"rice, brown",4,1008
dan,tea,2,1009
dan,jam,4,1010
dan,"rice, brown",1,1011
茶客,tea,5,1012
茶客,jam,4,1013
茶客,milk,5,1014
END
cat >items.csv <<END
item,title,kind,price
tea,Green tea,drink,4.5
milk,Milk,drink,1.2
bread,Bread,food,3
jam,Plum jam,food,
"rice, brown",Brown rice,food,2.75
END
for algorithm in als ials ease item-knn; do
    factors=
    case $algorithm in *als) factors=", factors: 3" ;; esac
    cat >job.yaml <<END
name: golden
seed: 7
data:
  ratings: {path: ratings.csv, columns: {user: user, item: item, value: value, time: time}}
  items: {path: items.csv, columns: {item: item, title: title}, attributes: {kind: text, price: number}}
model: {algorithm: $algorithm$factors}
END
    [ ! -e "$golden/$version-$algorithm.h5.gz" ] || continue
    "$daogou" run job.yaml -q --work "$algorithm" >/dev/null
    "$daogou" export job.yaml -q --work "$algorithm" >/dev/null
    "$daogou" recommend job.yaml -q --work "$algorithm" --user ann --user bob --user cleo --user dan --user 茶客 --k 3 >"$golden/$version-$algorithm.csv"
    gzip -9nc "$algorithm/artifact.h5" >"$golden/$version-$algorithm.h5.gz"
done
