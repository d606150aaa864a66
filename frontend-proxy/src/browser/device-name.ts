/** Invents a name of two words for a user who has not entered one. */

import { type PageStorage, pageStorage } from './page-storage.ts'

const KEY = 'signaling-sidecar:device-name'

// Each list has 64 words, so the lower six bits of a random byte select each word equally often.
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

/** Keeps the name until the page is unloaded, for a page without `localStorage`. */
let ofThisPage: string | undefined

/**
 * Returns a name for this device, for example "Brave Otter". The name is random and reveals nothing
 * about the device. The name is stored in `localStorage`, so all tabs have the same name. Without
 * `localStorage`, the name changes when the page is reloaded.
 *
 * Returns an empty string during server-side rendering.
 */
export function deviceName(storage: PageStorage | undefined = pageStorage('localStorage')): string {
  if (globalThis.location === undefined && storage === undefined) return ''
  const kept = storage?.getItem(KEY) ?? ofThisPage
  ofThisPage = kept !== undefined && isOurs(kept) ? kept : newName()
  if (kept !== ofThisPage) storage?.setItem(KEY, ofThisPage)
  return ofThisPage
}

function newName(): string {
  // `crypto.randomUUID` is missing on insecure pages such as `http://192.168.…`.
  const [trait = 0, animal = 0] = crypto.getRandomValues(new Uint8Array(2))
  return `${TRAITS[trait % TRAITS.length]} ${ANIMALS[animal % ANIMALS.length]}`
}

/** Checks a stored name, because any script on this origin can write to the storage. */
function isOurs(name: string): boolean {
  const [trait = '', animal = '', ...rest] = name.split(' ')
  return rest.length === 0 && TRAITS.includes(trait) && ANIMALS.includes(animal)
}

function split(words: string): readonly string[] {
  return words.trim().split(/\s+/)
}
