/** A name for a person who has chosen none: two words, the same on every visit with this browser. */

import { pageStorage } from './page-storage.ts'

const KEY = 'signaling-sidecar:device-name'

// 64 of each: a byte's lower six bits choose one without favouring any. Short, and friendly.
const TRAITS = split(`
  Agile Amber Azure Bold Brave Breezy Bright Bronze Calm Cheery Chilly Civil Clever Coral Cosmic
  Cosy Crisp Curious Dapper Daring Eager Early Easy Fancy Fine Fleet Fluffy Fond Frosty Gentle
  Giddy Glad Golden Grand Happy Hardy Honest Humble Ivory Jade Jolly Keen Kind Lively Loyal Lucky
  Lunar Mellow Merry Mild Misty Nimble Noble Plucky Proud Quick Quiet Rapid Silver Solar Sunny
  Swift Violet Witty
`)
const ANIMALS = split(`
  Alpaca Badger Bear Beaver Bison Bobcat Camel Caribou Cat Cheetah Cobra Condor Cougar Crane Crow
  Deer Dingo Dolphin Donkey Eagle Falcon Ferret Finch Fox Gazelle Gecko Goose Gopher Hare Hawk Hedgehog
  Heron Ibex Iguana Jackal Jaguar Koala Lemur Leopard Lion Llama Lynx Magpie Marmot Moose Newt
  Ocelot Otter Owl Panda Parrot Pelican Penguin Puffin Puma Rabbit Raven Robin Salmon Seal Swan
  Tiger Walrus Zebra
`)

/** Where nothing is kept it is good for as long as the page. */
let ofThisPage: string | undefined

/**
 * What to call this device, for instance "Brave Otter". Kept in `localStorage`, so tabs share it;
 * without storage it lasts as long as the page. It is random: nothing of the device is in it.
 *
 * Empty on a server, which renders pages for devices that it does not know.
 */
export function deviceName(storage = pageStorage('localStorage')): string {
  if (globalThis.location === undefined && storage === undefined) return ''
  const kept = storage?.getItem(KEY) ?? ofThisPage
  ofThisPage = kept !== undefined && isOurs(kept) ? kept : newName()
  if (kept !== ofThisPage) storage?.setItem(KEY, ofThisPage)
  return ofThisPage
}

function newName(): string {
  // Not `crypto.randomUUID`: a page on `http://192.168.…` is no secure context and has none.
  const [trait = 0, animal = 0] = crypto.getRandomValues(new Uint8Array(2))
  return `${TRAITS[trait % TRAITS.length]} ${ANIMALS[animal % ANIMALS.length]}`
}

/** Anything on this origin may write there. */
function isOurs(name: string): boolean {
  const [trait = '', animal = '', ...rest] = name.split(' ')
  return rest.length === 0 && TRAITS.includes(trait) && ANIMALS.includes(animal)
}

function split(words: string): readonly string[] {
  return words.trim().split(/\s+/)
}
